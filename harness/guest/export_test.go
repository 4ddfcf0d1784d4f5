package guest

// GlobOf is for tests.
var GlobOf = globOf

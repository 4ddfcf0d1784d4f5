// Package environment reads the variables of the harness, and chooses those that the tests get.
package environment

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// guestVariables have values of their own in the guest.
var guestVariables = map[string]string{
	"PATH":    "/bin:/usr/bin:/sbin:/usr/sbin",
	"HOME":    "/root",
	"USER":    "root",
	"LOGNAME": "root",
	"TMPDIR":  "/tmp",
}

// CoverDir is the variable that names the directory for coverage data. The host sets it
// for a guest that is to send the data back.
const CoverDir = "GOCOVERDIR"

// hostVariables are patterns of variables that name places on the host, which the
// guest cannot reach.
var hostVariables = []string{
	"PWD", "SHELL", CoverDir, "XDG_*", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "*_CA_BUNDLE",
}

// secretVariables are patterns of variables, in upper case, that look like
// secrets. They stay on the host because tests rarely need them and test output
// may be published.
var secretVariables = []string{
	"*TOKEN*", "*SECRET*", "*PASSWORD*", "*PASSWD*", "*PASSPHRASE*", "*CREDENTIAL*", "*_KEY", "*_KEY_*", "*APIKEY*", "*_PAT", "*_AUTH",
	"*PASS", "*_PWD", "*JWT*", "*CREDS*", "*COOKIE*",
	"ACTIONS_*", "AWS_*", "AZURE_*", "GITHUB_PAT*", "NETRC", "DOCKER_AUTH_CONFIG",
}

// ForGuest returns the environment of the tests: that of the host, so that
// a variable that is set for a test reaches it, without variables that name places
// on the host, and without secrets. withheld are the names of the secrets. A
// variable of either kind is passed on if its name matches one of the allowed
// patterns.
func ForGuest(host []string, dir string, allowed []string) (env, withheld []string) {
	env = []string{"PWD=" + dir}
	for name, value := range guestVariables {
		env = append(env, name+"="+value)
	}
	for _, v := range host {
		name, value, _ := strings.Cut(v, "=")
		_, own := guestVariables[name]
		switch {
		case own:
		case matches(allowed, name):
			env = append(env, v)
		case matches(hostVariables, name):
		case matches(secretVariables, strings.ToUpper(name)) || hasPassword(value) || strings.Contains(value, " PRIVATE KEY-----"):
			withheld = append(withheld, name)
		default:
			env = append(env, v)
		}
	}
	slices.Sort(withheld)
	return env, withheld
}

// WithPath returns the environment of tests that find the host's programs: with the
// directories of the host's PATH, in its order, and then those of the guest.
func WithPath(env []string, search string) []string {
	var dirs []string
	for _, dir := range append(strings.Split(search, ":"), strings.Split(guestVariables["PATH"], ":")...) {
		if strings.HasPrefix(dir, "/") && !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	env = slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "PATH=") })
	return append(env, "PATH="+strings.Join(dirs, ":"))
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// hasPassword reports whether a value is a URL with a password, such as that of a
// proxy, or a list that contains one.
func hasPassword(value string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(value, func(c rune) bool { return c == ',' || c == ' ' || c == '|' }), func(part string) bool {
		u, err := url.Parse(part)
		if err != nil || u.User == nil {
			return false
		}
		_, ok := u.User.Password()
		return ok
	})
}

package wire

// ModuleRequest asks for the modules that a name stands for: the name of a module, or
// an alias of one or of several modules.
type ModuleRequest struct {
	ID   int64
	Name string
	// ByKernel reports that the kernel asks, and not a program.
	ByKernel bool
	// NamesOnly asks for the names of all modules, without their files.
	NamesOnly bool
	// Loaded are names of modules that are loaded: their files are not needed.
	Loaded []string
}

// Role is the reason why a module is loaded.
type Role int

// The roles, a later one being the stronger reason.
const (
	Soft       Role = iota // another module works better with it; it may fail
	Dependency             // another module needs it
	Target                 // the request names it
	lastRole   = Target
)

// ModuleHead announces a module. Its file follows in ModuleData records.
type ModuleHead struct {
	ID   int64 // of the request
	Name string
	Role Role
	Size int64 // of the file in bytes; -1 if the request is for names only
}

// Found is the result of a ModuleRequest.
type Found int

// The results.
const (
	FoundModules Found = iota // all modules that are not loaded have been sent
	FoundBuiltin              // the kernel has it built in
	FoundNothing              // the kernel has no such module
	FoundError                // the host could not send the modules
	lastFound    = FoundError
)

// ModuleResult ends the answer to a ModuleRequest.
type ModuleResult struct {
	ID    int64
	Found Found
	Error string // with FoundError
}

func (r *ModuleRequest) fields(c codec) {
	any64(c, &r.ID)
	c.text(&r.Name, alias)
	flag(c, &r.ByKernel)
	flag(c, &r.NamesOnly)
	c.list(&r.Loaded, MaxLoaded, word)
}

// Check returns an error if the request is not valid: WriteMessage would refuse to
// send it.
func (r *ModuleRequest) Check() error {
	var e encoder
	r.fields(&e)
	return e.err
}

func (h *ModuleHead) fields(c codec) {
	any64(c, &h.ID)
	c.text(&h.Name, word)
	integer(c, (*int)(&h.Role), 0, int64(lastRole))
	c.number(&h.Size, -1, maxModule)
}

func (r *ModuleResult) fields(c codec) {
	any64(c, &r.ID)
	integer(c, (*int)(&r.Found), 0, int64(lastFound))
	c.text(&r.Error, reason)
	c.check((r.Error != "") == (r.Found == FoundError), "the result does not match the error")
}

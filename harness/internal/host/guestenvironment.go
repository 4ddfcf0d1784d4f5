package host

import "strings"

// guestVariables are what the guest has of its own, in place of the host's.
var guestVariables = map[string]string{
	"PATH":    "/bin:/usr/bin:/sbin:/usr/sbin",
	"HOME":    "/root",
	"USER":    "root",
	"LOGNAME": "root",
	"TMPDIR":  "/tmp",
}

// guestEnvironment is the environment of the tests: the host's, so that a
// variable set for a test reaches it, but for what names places on the host.
func guestEnvironment(host []string, dir string) []string {
	env := []string{"PWD=" + dir}
	for name, value := range guestVariables {
		env = append(env, name+"="+value)
	}
	for _, v := range host {
		name, _, _ := strings.Cut(v, "=")
		_, own := guestVariables[name]
		if own || name == "PWD" || name == "SHELL" || name == "GOCOVERDIR" || strings.HasPrefix(name, "XDG_") {
			continue
		}
		env = append(env, v)
	}
	return env
}

package environment

import (
	"slices"
	"strings"
	"testing"
)

func TestProgramsOfHostAreInPath(t *testing.T) {
	t.Parallel()
	env := WithPath([]string{"PATH=/bin", "A=b"}, "/opt/bin:/usr/bin::relative:/opt/bin")
	if want := []string{"A=b", "PATH=/opt/bin:/usr/bin:/bin:/sbin:/usr/sbin"}; !slices.Equal(env, want) {
		t.Errorf("%q, want %q", env, want)
	}
}

func TestSecretsStayOnTheHost(t *testing.T) {
	t.Parallel()
	for v, inGuest := range map[string]bool{
		"GITHUB_TOKEN=a":                        false,
		"npm_config_token=a":                    false,
		"ACTIONS_RUNTIME_URL=https://example":   false,
		"AWS_REGION=x":                          false,
		"MY_SECRET_THING=a":                     false,
		"DB_PASSWORD=a":                         false,
		"SIGNING_KEY=a":                         false,
		"SSH_AUTH_SOCK=/run/agent":              false,
		"AWS_CA_BUNDLE=/etc/ca.pem":             false,
		"https_proxy=http://me:word@proxy:3128": false,
		"GOPROXY=https://me:word@proxy,direct":  false,
		"XDG_CACHE_HOME=/c":                     false,
		"SSHPASS=a":                             false,
		"MYSQL_PWD=a":                           false,
		"CI_JOB_JWT_V2=a":                       false,
		"SIGNER=-----BEGIN EC PRIVATE KEY-----": false,
		"PASSES=3":                              true,
		"SHELL=/bin/sh":                         false,
		"PATH=/host":                            false,
		"HOME=/host":                            false,
		"http_proxy=http://proxy:3128":          true,
		"MY_TEST_MODE=fast":                     true,
		"KEYBOARD=us":                           true,
		"MONKEY=1":                              true,
		"CI=true":                               true,
		"GITHUB_REF=refs/heads/main":            true,
		"ALLOWED_TOKEN=a":                       true,
		"PLAIN_SECRET=a":                        true,
	} {
		env, withheld := ForGuest([]string{v}, "/src", []string{"ALLOWED_*", "PLAIN_SECRET"})
		if got := slices.Contains(env, v); got != inGuest {
			t.Errorf("%s: in the guest: %v, want %v", v, got, inGuest)
		}
		if inGuest && len(withheld) > 0 {
			t.Errorf("%s: withheld: %q, want none", v, withheld)
		}
	}
	env, withheld := ForGuest([]string{"B_TOKEN=1", "A_TOKEN=2", "HOME=/host"}, "/src", nil)
	if got := strings.Join(withheld, " "); got != "A_TOKEN B_TOKEN" {
		t.Errorf("withheld: %q, want A_TOKEN and B_TOKEN", got)
	}
	if !slices.Contains(env, "HOME=/root") || !slices.Contains(env, "PWD=/src") {
		t.Errorf("HOME and PWD do not have the values of the guest: %q", env)
	}
}

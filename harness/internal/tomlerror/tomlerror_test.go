package tomlerror

import (
	"errors"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

func TestReasonNamesNoGoType(t *testing.T) {
	for text, want := range map[string]string{
		"[test]\nmodules = 'a'": "test.modules: got string, want array of strings",
		"[test]\nmodules = [1]": "test.modules: got integer, want string",
		"[test]\ncpus = 'two'":  "test.cpus: got string, want integer",
		"[test]\nfast = 1":      "test.fast: got integer, want boolean",
		"[test]\nbuilds = 'a'":  "test.builds: got string, want array of tables",
		"test = 1":              "test: got integer, want table",
		"[test":                 "toml: expected ']' to close table name",
	} {
		var file struct {
			Test struct {
				Modules []string `toml:"modules"`
				CPUs    int      `toml:"cpus"`
				Fast    bool     `toml:"fast"`
				Builds  []struct {
					Dir string `toml:"dir"`
				} `toml:"builds"`
			} `toml:"test"`
		}
		var bad *toml.DecodeError
		if err := toml.Unmarshal([]byte(text), &file); !errors.As(err, &bad) {
			t.Errorf("%q: got %v, want a *toml.DecodeError", text, err)
		} else if got := Reason(bad); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

package modprobe

import (
	"slices"
	"testing"
)

func TestParametersComeFromCommandLine(t *testing.T) {
	t.Parallel()
	const line = "console=ttyS0 nf_conntrack.acct=1 rcupdate.rcu_expedited=1 nf-conntrack.hashsize=64 " +
		"other.text=\"a nf_conntrack.no=1\" nf_conntrack=2 snd-x.on -- nf_conntrack.late=1\n"
	for module, want := range map[string][]string{
		"nf_conntrack": {"acct=1", "hashsize=64"}, "other": {`text="a nf_conntrack.no=1"`}, "snd_x": {"on"}, "console=ttyS0": nil, "": nil,
	} {
		if got := parametersIn(line, module); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", module, got, want)
		}
	}
}

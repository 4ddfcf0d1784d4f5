package apt

import (
	"errors"
	"os/exec"
	"testing"
)

// TestCompareVersionsAgreesWithDpkg compares all pairs with dpkg, in both orders.
func TestCompareVersionsAgreesWithDpkg(t *testing.T) {
	versions := []string{
		"0", "1.0", "1.0~rc1", "1.0~~", "1.0+b1", "1.00", "1.0a", "1.0.1", "1:0.9", "2-1", "2-1~bpo12+1", "2-1.1", "2-10", "2-9",
		"6.12.90-1~bpo12+1", "6.12.90.1-1~bpo12+1", "6.12.9-1", "6.12.95-1~bpo12+1", "6.1.176-1", "99999999999999999999-1",
		"6.1.55-1+deb12u1", "2-1-1",
	}
	for _, a := range versions {
		for _, b := range versions {
			got := CompareVersions(a, b)
			if got != 0 {
				got /= max(got, -got)
			}
			if want := dpkgCompare(t, a, b); got != want {
				t.Errorf("%s and %s: got %d, want %d as with dpkg", a, b, got, want)
			}
		}
	}
}

func dpkgCompare(t *testing.T, a, b string) int {
	t.Helper()
	for relation, sign := range map[string]int{"lt": -1, "eq": 0, "gt": 1} {
		err := exec.Command("dpkg", "--compare-versions", a, relation, b).Run()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return sign
		case !errors.As(err, &exit):
			t.Fatal(err)
		}
	}
	t.Fatalf("dpkg cannot compare %s and %s", a, b)
	return 0
}

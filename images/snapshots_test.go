package images

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// snapshotRow is a table with a row made-up that has snapshots of an archive.
func snapshotRow(mirror, keyring string, dates ...string) string {
	return fmt.Sprintf("[[kernel]]\nname = 'made-up'\nsnapshots = ['%s']\n[kernel.apt]\nmirror = %q\nsuite = 'made'\ncomponent = 'stable'\n"+
		"keyring = %q\nimage = 'linux-image-*'\n", strings.Join(dates, "', '"), mirror, keyring)
}

// TestSnapshotsAreKernelsOfTheirDates has an archive that keeps its versions. Their lists are no longer valid.
func TestSnapshotsAreKernelsOfTheirDates(t *testing.T) {
	system := filepath.Join(filestest.Tree(t, map[string]string{"apt.conf": "Dir::Etc::Parts \"/dev/null\";\nDir::Etc::Main \"/dev/null\";\n"}), "apt.conf")
	t.Setenv("APT_CONFIG", system) // this system's configuration may allow lists that are no longer valid
	env, keyring := newKey(t, false)
	versions := http.NewServeMux()
	dates := []string{"20260901", "20260908"}
	for _, date := range dates {
		packages := splitKernel(t, splitRelease)
		modules := "lib/modules/" + splitRelease
		packages["linux-modules-"+splitRelease] = deb{"", filestest.Tree(t, map[string]string{
			modules + "/modules.builtin": "", modules + "/modules.order": "", modules + "/kernel/first": "of " + date,
		})}
		dir := signedArchive(t, packages, env, "Valid-Until: Tue, 08 Sep 2020 00:00:00 UTC\n")
		versions.Handle("/"+date+"/", http.StripPrefix("/"+date, http.FileServer(http.Dir(dir))))
	}
	server := httptest.NewServer(versions)
	defer server.Close()
	project := filestest.Tree(t, map[string]string{
		"go.mod": "module example.com/project\n", "kernels.toml": snapshotRow(server.URL+"/DATE", keyring, dates...),
	})
	b := newBuilder(t, project)
	for name, date := range map[string]string{"made-up-20260901": dates[0], "made-up-20260908": dates[1], "made-up": dates[1]} {
		kernel, err := Resolve(t.Context(), name, b.opt)
		if err != nil {
			t.Fatal(err)
		}
		filestest.Want(t, filepath.Join(kernel.Modules, "kernel/first"), "of "+date)
	}
	filestest.Add(t, project, map[string]string{"kernels.toml": strings.Replace(snapshotRow(server.URL+"/20260901", keyring), "snapshots = ['']\n", "", 1)})
	_, err := newBuilder(t, project).build(t.Context())
	wantError(t, err, "is expired")
}

func TestSnapshotsMakeRowsInTheirOrder(t *testing.T) {
	dir := filestest.Tree(t, map[string]string{
		"go.mod": "", "kernels.toml": "[[kernel]]\nname = 'arch'\nsnapshots = ['2026/10/02', '2026/09/01']\n[kernel.pacman]\n" +
			"databases = ['http://example.com/DATE/core.db', 'http://example.com/DATE/extra.db']\nkeyring = 'keys.gpg'\n",
	})
	rows, err := RowsFor(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, row := range rows[len(Rows()):] {
		got = append(got, fmt.Sprint(row.Name, " ", row.Extra, " ", row.Pacman.Databases[1]))
	}
	want := []string{
		"arch-2026.10.02 true http://example.com/2026/10/02/extra.db",
		"arch-2026.09.01 true http://example.com/2026/09/01/extra.db",
		"arch false http://example.com/2026/09/01/extra.db",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestBadSnapshotsAreRefused(t *testing.T) {
	for table, want := range map[string]string{
		snapshotRow("http://example.com/debian", "k", "20260901"):                                          "snapshots require an address with DATE in it",
		snapshotRow("http://example.com/DATE", "k", "20260901", "20260901"):                                "there are two snapshots of 20260901",
		snapshotRow("http://example.com/DATE", "k", "yesterday"):                                           `the snapshot "yesterday" is not a date`,
		strings.Replace(row("mine"), "[kernel.source]", "snapshots = ['2026']\n[kernel.source]", 1) + "\n": "snapshots require an address",
	} {
		_, err := parseRows([]byte(table))
		wantError(t, err, want)
	}
}

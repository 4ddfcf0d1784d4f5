package bisect

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// logName is the file with the answers. For commits, git bisect replay reads it.
const logName = "bisect.log"

// stepLog is the file with the progress of a step.
const stepLog = "log.txt"

// journal keeps the answers and the reports of a search in a directory.
type journal struct {
	dir  string
	step string // directory of the last step
}

// openJournal makes the directory and begins the log. It removes the steps of the last
// search in the directory.
func openJournal(dir, begin string) (*journal, error) {
	if err := report.MakeDir(dir); err != nil {
		return nil, err
	}
	j := &journal{dir: dir}
	if _, err := os.Stat(filepath.Join(dir, logName)); err == nil {
		old, err := filepath.Glob(filepath.Join(dir, "step-[0-9][0-9]*"))
		for _, step := range old {
			err = errors.Join(err, os.RemoveAll(step))
		}
		if err != nil {
			return nil, err
		}
	}
	return j, os.WriteFile(filepath.Join(dir, logName), []byte(begin), 0o644)
}

// openStep is a step whose log is open.
type openStep struct {
	*os.File
	dir string
}

// begin makes the directory of a step, with its log.
func (j *journal) begin(n int, title string) (*openStep, error) {
	name, _, _ := strings.Cut(title, " ")
	j.step = filepath.Join(j.dir, fmt.Sprintf("step-%02d-%s", n, filepath.Base(name)))
	if err := os.MkdirAll(j.step, 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(j.step, stepLog))
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(f, "%s: %s\n", time.Now().UTC().Format(time.RFC3339), title)
	return &openStep{f, j.step}, err
}

// end closes the log and writes the reports, if there are any.
func (s *openStep) end(rep *report.Report) error {
	err := s.Close()
	if rep != nil {
		err = errors.Join(err, rep.Write(s.dir))
	}
	return err
}

// page returns the path of the report of the last step.
func (j *journal) page() string { return filepath.Join(j.step, report.HTMLFile) }

// answer adds an answer to the log.
func (j *journal) answer(id, title string, answer Answer) error {
	return j.add(fmt.Sprintf("# %s: [%s] %s\ngit bisect %s %s\n", answer, id, title, answer, id))
}

// note adds a comment to the log.
func (j *journal) note(format string, args ...any) error {
	return j.add("# " + fmt.Sprintf(format, args...) + "\n")
}

func (j *journal) add(text string) error {
	f, err := os.OpenFile(filepath.Join(j.dir, logName), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

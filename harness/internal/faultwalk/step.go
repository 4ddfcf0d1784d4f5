package faultwalk

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// parameters is the directory of the parameters of package modfail's module. It exists if
// the module is loaded.
const parameters = "/sys/module/kmodtest_fail/parameters/"

// Loaded reports whether the modules under test are built for walks.
func Loaded() bool {
	_, err := os.Stat(parameters)
	return err == nil
}

// Step is a step of a walk. Only one can exist at a time, and only the thread that has
// begun it may use it.
type Step struct {
	Report Report // up to the last call of a method
}

// Begin begins a step: of the calls that modules make in the calling thread, the n-th
// fails, or none for 0.
func Begin(n int) (*Step, error) {
	if err := command(fmt.Sprintf("begin %d", n)); err != nil {
		return nil, err
	}
	return &Step{}, nil
}

// Calls ends the counting of calls: later ones do not fail.
func (s *Step) Calls() error { return command("calls") }

// Read reads what has been reported since.
func (s *Step) Read() error {
	for {
		text, err := os.ReadFile(parameters + "report")
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return nil
		}
		if err := s.Report.parse(string(text)); err != nil {
			return err
		}
	}
}

// patience is how long a module may take to release what it holds in the background.
const patience = time.Second

// End ends a step, and completes its report. If the modules hold more than usual, it
// waits for a moment, as they may release it in the background.
func (s *Step) End(usual *Report) error {
	err := s.check()
	for deadline := time.Now().Add(patience); err == nil && usual != nil && len(more(s.Report.Held, usual.Held)) > 0 && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
		err = s.check()
	}
	return errors.Join(err, command("end"))
}

func (s *Step) check() error {
	if err := command("check"); err != nil {
		return err
	}
	return s.Read()
}

func command(text string) error { return os.WriteFile(parameters+"command", []byte(text), 0) }

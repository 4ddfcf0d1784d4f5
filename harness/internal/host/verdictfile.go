package host

import "github.com/kmodtest/kmodtest/harness/internal/verdict"

// writeVerdict writes the verdict to the file that KMODTEST_VERDICT names. err is
// the reason why the run did not pass.
func (r *run) writeVerdict(err error) error {
	if r.env.Verdict == "" {
		return nil
	}
	var phases []verdict.Phase
	for _, p := range r.trace.Phases() {
		if p.Thread == 0 {
			phases = append(phases, verdict.Phase{Name: p.Name, Start: p.Start.Seconds(), Seconds: (p.End - p.Start).Seconds()})
		}
	}
	if err := verdict.NewReport(err, r.platform, phases).Write(r.env.Verdict); err != nil {
		return verdict.Failf(verdict.HostBroke, err, "write the verdict to KMODTEST_VERDICT")
	}
	return nil
}

package timeline

import "slices"

// guilty returns the tests that were active when a fault began. at is the number of
// the fault's first record. It remembers them, as old spans are dropped.
func (t *Timeline) guilty(at int) []*TestRun {
	tests, known := t.attributed[at]
	if !known {
		tests = t.during(at)
		if t.Late && len(tests) == 0 {
			if tests = t.after(at); len(tests) == 0 {
				return nil // its mark may follow
			}
		}
		t.attributed[at] = tests
	}
	return tests
}

// during returns the tests that were active when a record was logged.
func (t *testRuns) during(at int) []*TestRun {
	for _, span := range slices.Backward(t.spans) {
		if span.from <= at {
			return span.active
		}
	}
	return nil
}

// after returns the tests that were active first after a record was logged.
func (t *testRuns) after(at int) []*TestRun {
	for _, span := range t.spans {
		if span.from > at && len(span.active) > 0 {
			return span.active
		}
	}
	return nil
}

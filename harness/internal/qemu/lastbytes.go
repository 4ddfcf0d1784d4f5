package qemu

// maxSaid is how many bytes of QEMU's standard error are kept: a guest that
// misuses its devices makes QEMU print a warning each time.
const maxSaid = 64 << 10

// lastBytes keeps the last maxSaid bytes that are written to it. Its zero value is
// empty.
type lastBytes struct {
	text []byte
	cut  bool
}

// Write keeps p. It never fails.
func (l *lastBytes) Write(p []byte) (int, error) {
	l.text = append(l.text, p...)
	if over := len(l.text) - maxSaid; over > maxSaid { // not for each write
		l.text = append(l.text[:0], l.text[over:]...)
		l.cut = true
	}
	return len(p), nil
}

// String returns the text. A line at its beginning says if some is missing.
func (l *lastBytes) String() string {
	over := max(0, len(l.text)-maxSaid)
	if l.cut || over > 0 {
		return "(earlier messages are left out)\n" + string(l.text[over:])
	}
	return string(l.text)
}

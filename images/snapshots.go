package images

import (
	"errors"
	"slices"

	"github.com/kmodtest/kmodtest/images/internal/snapshots"
)

// checkSnapshots returns an error if the dates of a row cannot be used, or are not used.
func (row Row) checkSnapshots() error {
	if err := snapshots.Check(row.Snapshots); err != nil || len(row.Snapshots) == 0 {
		return err
	}
	if row.provider() == nil || slices.Equal(row.provider().Place(), row.at("0").provider().Place()) {
		return errors.New("snapshots require an address with DATE in it: mirror, baseurl or databases")
	}
	return nil
}

// bySnapshot returns a row for each of its snapshots, in their order, and then the row itself, which is that of the last
// one. Without snapshots, it returns the row.
func (row Row) bySnapshot() []Row {
	if len(row.Snapshots) == 0 {
		return []Row{row}
	}
	var rows []Row
	for _, date := range row.Snapshots {
		one := row.at(date)
		one.Name, one.Extra, one.Default = snapshots.Name(row.Name, date), true, false
		rows = append(rows, one)
	}
	return append(rows, row.at(row.Snapshots[len(row.Snapshots)-1]))
}

// at returns the row with the archive or the repositories as they were on a date.
func (row Row) at(date string) Row {
	switch {
	case row.Apt != nil:
		dated := *row.Apt
		dated.Mirror, dated.dated = snapshots.At(dated.Mirror, date), true
		row.Apt = &dated
	case row.RPM != nil:
		dated := *row.RPM
		dated.BaseURL = snapshots.AllAt(dated.BaseURL, date)
		row.RPM = &dated
	case row.Pacman != nil:
		dated := *row.Pacman
		dated.Databases = snapshots.AllAt(dated.Databases, date)
		row.Pacman = &dated
	}
	return row
}

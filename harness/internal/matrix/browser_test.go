//go:build machines

package matrix

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// browser is a tab of Chromium that shows a report.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string // requests, dialogs and script errors
}

// writeReport writes the report to a directory and returns its path.
func writeReport(t *testing.T, rep *report.Report) string {
	t.Helper()
	dir := t.TempDir()
	if err := rep.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// openPage opens the page of a report.
func openPage(t *testing.T, path string) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v; make chromium installs it", err)
	}
	b := &browser{t: t}
	ctx, cancel := chromedp.NewContext(t.Context(), chromedp.WithListener(b.listen),
		chromedp.WithAllocatorOptions(chromedp.ExecPath(chromium), chromedp.NoSandbox))
	t.Cleanup(cancel)
	b.ctx = ctx
	b.do(func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, network.Enable, network.EnableParams{})
		return chromedp.Void{}, err
	})
	b.do(chromedp.Navigate("file://" + path))
	return b
}

// listen records what the page of a report must not do.
func (b *browser) listen(event any) {
	note := ""
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		if !strings.HasSuffix(e.Request.URL, report.HTMLFile) {
			note = "a request for " + e.Request.URL
		}
	case *page.EventJavascriptDialogOpening:
		note = "a dialog: " + e.Message
	case *runtime.EventExceptionThrown:
		note = fmt.Sprint("a script error: ", e.ExceptionDetails)
	}
	if note != "" {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.trouble = append(b.trouble, note)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := b.ctx, func() {}
	if chromedp.FromContext(ctx).Target != nil { // a timeout of the first step would apply to the browser
		ctx, cancel = context.WithTimeout(b.ctx, time.Minute)
	}
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// texts returns the text of each visible element, on one line.
func (b *browser) texts(selector string) []string {
	b.t.Helper()
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[[]string](fmt.Sprintf(
		`[...document.querySelectorAll(%q)].filter(e => e.checkVisibility()).map(e => e.innerText.replace(/\s+/g, " ").trim())`, selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	return found
}

func (b *browser) wantTexts(selector string, want ...string) {
	b.t.Helper()
	if got := b.texts(selector); !slices.Equal(got, want) {
		b.t.Errorf("%s: got %q, want %q", selector, got, want)
	}
}

// wantIn checks that the visible elements of a selector contain one text and not
// the other.
func (b *browser) wantIn(selector, want, wantNot string) {
	b.t.Helper()
	got := strings.Join(b.texts(selector), "\n")
	if !strings.Contains(got, want) || wantNot != "" && strings.Contains(got, wantNot) {
		b.t.Errorf("%s: want %q and not %q in %.2000q", selector, want, wantNot, got)
	}
}

// wantInView checks that the first element of a selector is in view.
func (b *browser) wantInView(selector string) {
	b.t.Helper()
	seen, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](fmt.Sprintf(
		`(e => { const r = e.getBoundingClientRect(); return e.contains(document.elementFromPoint(r.x + 9, r.y + 9)); })(document.querySelector(%q))`, selector)))
	if err != nil {
		b.t.Fatal(err)
	}
	if !seen {
		b.t.Errorf("%s is not in view", selector)
	}
}

func (b *browser) click(selector string) { b.t.Helper(); b.do(chromedp.Click(chromedp.CSS(selector))) }

func (b *browser) keys(keys string) { b.t.Helper(); b.do(chromedp.KeyEvent(keys)) }

// cell returns the selector of a test's cell on a kernel.
func cell(name, kernel string) string {
	return fmt.Sprintf(`button.cell[aria-label^="%s on %s: "]`, name, kernel)
}

// picture returns what the browser shows, as PNG.
func (b *browser) picture() []byte {
	b.t.Helper()
	time.Sleep(100 * time.Millisecond) // until the page is painted; there is no event for that
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	return picture
}

// shoot writes a picture to the test's artifacts.
func (b *browser) shoot(name string) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), b.picture(), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// setScreen sets the size of the window and the colour scheme, light or dark.
func (b *browser) setScreen(width, height int64, scheme string) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), func(ctx context.Context, tab *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return chromedp.Void{}, err
	})
}

func TestReportInBrowser(t *testing.T) {
	b := openPage(t, filepath.Join(writeReport(t, moodyReport(t)), report.HTMLFile))
	b.setScreen(1280, 900, "light")
	t.Run("shows what went wrong", func(t *testing.T) {
		b.t = t
		b.wantIn("h1", "2 packages on 3 kernels: 3 passed, 2 failed, 1 fault", "")
		b.wantIn(".run:nth-child(1)", "✗ failed 5.10 moody", "6.1")
		b.wantIn(".run:nth-child(2)", "✗ failed 6.1 moody TestAnswer failed", "")
		b.wantIn(".run:nth-child(3)", "‼ fault 6.12 moody BUG: kernel NULL pointer dereference", "")
	})
	t.Run("filters by name and state", func(t *testing.T) {
		b.t = t
		b.do(chromedp.SendKeys(chromedp.CSS("#name"), "poke"))
		b.wantTexts("tbody tr:not(.package) th", "TestPoke", "TestAfterPoke")
		b.click(".chip[data-state=fault]")
		b.wantTexts("tbody tr:not(.package) th", "TestPoke")
		b.wantTexts(".cell:not(.faded)", "‼")
		b.keys(kb.Escape)
		b.click(".chip[data-state=failed]")
		b.wantTexts("tbody tr:not(.package) th", "build", "TestAnswer", "TestAnswer/right")
		b.do(chromedp.SendKeys(chromedp.CSS("#name"), "no test has this name"))
		b.wantTexts("tbody tr:not(.package) th")
		b.wantIn("#none", "No test has this name", "")
		b.keys(kb.Escape)
		b.click(`.chip[data-state=""]`)
	})
	t.Run("opens cells", b.opensCells)
	t.Run("is usable by keyboard", b.isUsableByKeyboard)
	t.Run("fits a phone and a desk", b.fitsScreens)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, trouble := range b.trouble {
		t.Error(trouble)
	}
}

// opensCells checks that cells show the right output and the right log.
func (b *browser) opensCells(t *testing.T) {
	b.t = t
	b.click(cell("TestPoke", "6.12"))
	b.wantIn("#detail-name", "TestPoke", "")
	b.wantIn("#log", "moody: hello from 6.12", "hello from 6.1 ")
	b.wantIn("#log .hot", "BUG: kernel NULL pointer dereference", "hello")
	b.wantInView("#log .hot")
	b.click("#close")
	b.wantTexts("dialog")

	b.click(cell("TestAnswer/right", "6.1"))
	b.wantIn("#output", "the answer is 41; want 42 & </script><script>alert(1)</script>", "compiler")
	b.click("#tab-log")
	b.wantIn("#log", "moody: hello from 6.1", "hello from 6.12")
	b.wantIn("#log", "moody: poked: <b>gently</b>", "")
	b.click("#tab-about")
	b.wantIn("#about", "6.1.0-", "6.12.")
	b.click("#close")

	b.click(cell("build", "5.10"))
	b.wantIn("#output", `"moody_symbol_of_no_kernel"`, "")
	b.click("#tab-log")
	b.wantIn("#log", "There is no log", "moody")
	b.click("#close")

	b.click(".run:nth-child(3)")
	b.wantIn("#detail-where", "on 6.12, Linux 6.12.", "")
	b.click("#close")
}

// isUsableByKeyboard goes from failure to failure with keys only.
func (b *browser) isUsableByKeyboard(t *testing.T) {
	b.t = t
	focused := func() string {
		t.Helper()
		label, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`document.activeElement.getAttribute("aria-label") || document.activeElement.id`))
		if err != nil {
			t.Fatal(err)
		}
		return label
	}
	want := func(keys, label string) {
		t.Helper()
		b.keys(keys)
		if got := focused(); got != label {
			t.Errorf("after %q: %q has the focus, want %q", keys, got, label)
		}
	}
	b.do(chromedp.Evaluate[chromedp.Void](`document.activeElement.blur()`))
	want("n", "build on 5.10: failed")
	want("n", "TestAnswer on 6.1: failed")
	want(kb.ArrowDown, "TestAnswer/right on 6.1: failed")
	want(kb.ArrowRight, "TestAnswer/right on 6.12: passed")
	want(kb.ArrowLeft, "TestAnswer/right on 6.1: failed")
	b.keys(kb.Enter)
	b.wantIn("#output", "the answer is 41", "")
	b.keys("n")
	b.wantIn("#detail-name", "TestPoke", "")
	b.wantIn("#log", "hello from 6.12", "")
	b.keys(kb.Escape)
	b.wantTexts("dialog")
	want("p", "TestAnswer/right on 6.1: failed")
	want("/", "Filter by the name of a test or package")
	b.keys(kb.Escape)
}

// fitsScreens checks that the page is not wider than the screen, and writes
// pictures of it.
func (b *browser) fitsScreens(t *testing.T) {
	b.t = t
	for _, screen := range []struct{ width, height int64 }{{390, 844}, {1280, 900}} {
		for _, scheme := range []string{"light", "dark"} {
			b.setScreen(screen.width, screen.height, scheme)
			name := fmt.Sprintf("%d-%s", screen.width, scheme)
			b.do(chromedp.Evaluate[chromedp.Void](`scrollTo(0, 0); document.querySelector(".scroll").scrollTo(0, 0)`))
			b.shoot(name + "-grid")
			wide, err := chromedp.Run(b.ctx, chromedp.Evaluate[int64](`document.documentElement.scrollWidth`))
			if err != nil {
				t.Fatal(err)
			}
			if wide > screen.width {
				t.Errorf("%s: the page is %d pixels wide", name, wide)
			}
			b.click(cell("TestAnswer/right", "6.1"))
			b.shoot(name + "-output")
			b.click("#close")
			b.click(cell("TestPoke", "6.12"))
			b.shoot(name + "-log")
			b.click("#close")
			b.click(cell("build", "5.10"))
			b.shoot(name + "-build")
			b.click("#close")
		}
	}
}

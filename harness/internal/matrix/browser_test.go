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

// browser is a tab of chromium with a report in it.
type browser struct {
	t   *testing.T
	ctx context.Context

	mu      sync.Mutex
	trouble []string // requests, dialogs, and errors of scripts
}

// openReport writes the report and opens its page.
func openReport(t *testing.T, rep *report.Report) *browser {
	t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v; make matrix-test installs it", err)
	}
	dir := t.TempDir()
	if err := rep.Write(dir); err != nil {
		t.Fatal(err)
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
	b.do(chromedp.Navigate("file://" + filepath.Join(dir, report.HTMLFile)))
	return b
}

// listen notes what a page that needs nothing else never does.
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
		note = fmt.Sprint("an error of a script: ", e.ExceptionDetails)
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
	if chromedp.FromContext(ctx).Target != nil { // a time for the first step would be the browser's
		ctx, cancel = context.WithTimeout(b.ctx, time.Minute)
	}
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// texts returns the visible elements' texts, in one line each.
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

// wantIn checks that the only visible element of a selector has a text, and
// has another one not.
func (b *browser) wantIn(selector, want, wantNot string) {
	b.t.Helper()
	got := strings.Join(b.texts(selector), "\n")
	if !strings.Contains(got, want) || wantNot != "" && strings.Contains(got, wantNot) {
		b.t.Errorf("%s: want %q and not %q in %.2000q", selector, want, wantNot, got)
	}
}

// wantInView checks that the first element of a selector is to be seen.
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

// cell is the selector of a test's cell on a kernel.
func cell(name, kernel string) string {
	return fmt.Sprintf(`button.cell[aria-label^="%s on %s: "]`, name, kernel)
}

// shoot leaves a picture among the test's artifacts.
func (b *browser) shoot(name string) {
	b.t.Helper()
	time.Sleep(100 * time.Millisecond) // for the page to be painted; nothing tells when it is
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.t.ArtifactDir(), name+".png"), picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// setScreen makes the window of that size, in light or dark.
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
	b := openReport(t, moodyReport(t))
	b.setScreen(1280, 900, "light")
	t.Run("says what went wrong", func(t *testing.T) {
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
		b.do(chromedp.SendKeys(chromedp.CSS("#name"), "nothing has this name"))
		b.wantTexts("tbody tr:not(.package) th")
		b.wantIn("#none", "Nothing has this name", "")
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

// opensCells finds the right output and the right log behind cells.
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

// isUsableByKeyboard goes from failure to failure without a mouse.
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

// fitsScreens leaves pictures of the page, which nowhere is wider than the
// screen.
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

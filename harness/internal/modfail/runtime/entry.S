/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The entry of all calls that modules make. The code that was added to the module jumps
 * here with the site in r10, and everything else as the caller left it.
 */
#include <linux/linkage.h>
#include <asm/nospec-branch.h>

#ifndef RET
#define RET ret
#endif

/* Offsets in struct call. */
#define ARGUMENTS	0
#define RESULT		48
#define SITE		56
#define ADDRESS		64
#define VARARGS		72	/* al has the number of vector registers; not in the struct */
#define SIZE		80

#define SITE_GO		8	/* in struct site */

#define GO_ON		0	/* enum action */
#define RETURN		1

.macro restore_arguments
	movq	-SIZE+ARGUMENTS(%rbp), %rdi
	movq	-SIZE+ARGUMENTS+8(%rbp), %rsi
	movq	-SIZE+ARGUMENTS+16(%rbp), %rdx
	movq	-SIZE+ARGUMENTS+24(%rbp), %rcx
	movq	-SIZE+ARGUMENTS+32(%rbp), %r8
	movq	-SIZE+ARGUMENTS+40(%rbp), %r9
	movq	-SIZE+VARARGS(%rbp), %rax
	movq	-SIZE+SITE(%rbp), %r11
	movq	SITE_GO(%r11), %r11
.endm

SYM_FUNC_START(kmodtest_fail_entry)
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$SIZE, %rsp
	movq	%rdi, -SIZE+ARGUMENTS(%rbp)
	movq	%rsi, -SIZE+ARGUMENTS+8(%rbp)
	movq	%rdx, -SIZE+ARGUMENTS+16(%rbp)
	movq	%rcx, -SIZE+ARGUMENTS+24(%rbp)
	movq	%r8, -SIZE+ARGUMENTS+32(%rbp)
	movq	%r9, -SIZE+ARGUMENTS+40(%rbp)
	movq	%r10, -SIZE+SITE(%rbp)
	movq	%rax, -SIZE+VARARGS(%rbp)
	movq	8(%rbp), %rax
	movq	%rax, -SIZE+ADDRESS(%rbp)
	movq	%rsp, %rdi
	call	kmodtest_fail_before
	cmpl	$RETURN, %eax
	je	.Lreturn
	jg	.Lfollow

	restore_arguments
	leave
	ANNOTATE_RETPOLINE_SAFE
	jmp	*%r11

.Lfollow:
	/* The function may have arguments on the stack. */
	pushq	56(%rbp)
	pushq	48(%rbp)
	pushq	40(%rbp)
	pushq	32(%rbp)
	pushq	24(%rbp)
	pushq	16(%rbp)
	restore_arguments
	ANNOTATE_RETPOLINE_SAFE
	call	*%r11
	addq	$48, %rsp
	movq	%rax, -SIZE+RESULT(%rbp)
	movq	%rsp, %rdi
	call	kmodtest_fail_after

.Lreturn:
	movq	-SIZE+RESULT(%rbp), %rax
	leave
	RET
SYM_FUNC_END(kmodtest_fail_entry)

	.section .note.GNU-stack, "", @progbits

// Package nested tests kmodtest under KVM on hosts without KVM: kmodtest boots a
// machine under TCG, whose emulated processor can run virtual machines, and the
// tests in that machine run kmodtest under its KVM. make kvm runs the tests, and
// docs/kvm.md describes them.
package nested

// What the threads that work for a guest may still do.
#pragma once

namespace twofold::vmm::kvm {

/// Takes from the calling thread all capabilities, the means to gain any, and every system call
/// that running a guest does not need: one of these kills the process. Throws Failure where the
/// kernel does not let itself be asked.
void confine_thread();

} // namespace twofold::vmm::kvm

// What the threads that work for a guest may still do.
#pragma once

namespace twofold::vmm::kvm {

/// Beside descriptors that go on from where they stand.
enum class MayWrite : bool { nothing, disk };

/// Takes from the calling thread all capabilities, the means to gain any, and every system call
/// that running a guest does not need: one of these kills the process. Throws Failure where the
/// kernel does not let itself be asked. What is allowed stands in confinement/write_filters.cpp. A
/// guest with a disk needs the calls that write to a place.
void confine_thread(MayWrite may_write = MayWrite::nothing);

} // namespace twofold::vmm::kvm

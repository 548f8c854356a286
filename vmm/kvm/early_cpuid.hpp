// KVM's longest answer, asked for while the command line is still being read.
#pragma once

#include "kvm/device.hpp"

#include <future>

namespace twofold::vmm::kvm {

/// Has a thread open the device and ask what a guest's processor may answer to CPUID, which takes
/// the kernel a quarter of a millisecond and more: for launches that will most likely want to know.
/// Where it fails, whoever wants the answer meets the failure again.
void ask_cpuid_early();

/// The answer. Where nobody asked early, a thread asks `device`, which must outlive the future.
std::shared_future<CpuidTable> supported_cpuid(Device const& device);

} // namespace twofold::vmm::kvm

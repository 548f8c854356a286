// By what means this machine's KVM learns which pages a guest writes.
#pragma once

#include <twofold/abi/hypercall.hpp>

#include <filesystem>
#include <string>

namespace twofold::vmm::kvm {

/// The kernel picks it, for all guests: the page-modification log where kvm_intel has it and may
/// use it, else write protection; never dirty bits. `modules`: sysfs's directory of them.
abi::DirtyLogging logging_means(std::filesystem::path const& modules = "/sys/module");

/// Why a launch can't have its dirty log by `wanted` here, where KVM has `there`; nothing if it
/// can.
std::string why_not_logged_by(abi::DirtyLogging wanted, abi::DirtyLogging there);

} // namespace twofold::vmm::kvm

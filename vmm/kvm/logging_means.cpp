#include "kvm/logging_means.hpp"

#include <fmt/format.h>

#include <fstream>

namespace twofold::vmm::kvm {

namespace {

/// As --dirty-log has them.
std::string_view option_of(abi::DirtyLogging means) {
    switch (means) {
    case abi::DirtyLogging::off: break;
    case abi::DirtyLogging::write_protection: return "write-protection";
    case abi::DirtyLogging::dirty_bits: return "dirty-bits";
    case abi::DirtyLogging::page_modification_log: return "pml";
    }
    return "";
}

} // namespace

abi::DirtyLogging logging_means(std::filesystem::path const& modules) {
    std::ifstream parameter{modules / "kvm_intel" / "parameters" / "pml"};
    bool const has_log = parameter.get() == 'Y';
    return has_log ? abi::DirtyLogging::page_modification_log : abi::DirtyLogging::write_protection;
}

std::string why_not_logged_by(abi::DirtyLogging wanted, abi::DirtyLogging there) {
    if (wanted == there || wanted == abi::DirtyLogging::off) return {};
    bool const by_log = there == abi::DirtyLogging::page_modification_log;
    return fmt::format("under KVM the kernel picks the means, here {} ({}); take {}, or --engine "
                       "bochs for {}",
                       option_of(there),
                       by_log ? "kvm_intel's parameter pml is Y"
                              : "kvm_intel with its parameter pml is not in use",
                       option_of(there), option_of(wanted));
}

} // namespace twofold::vmm::kvm

#include "kvm/exit_names.hpp"

#include "kvm/kvm_api.hpp"

namespace twofold::vmm::kvm {

std::string_view exit_name(std::uint32_t reason) {
    switch (reason) {
    case KVM_EXIT_IO: return "io";
    case KVM_EXIT_MMIO: return "mmio";
    case KVM_EXIT_HLT: return "hlt";
    case KVM_EXIT_SHUTDOWN: return "shutdown";
    case KVM_EXIT_FAIL_ENTRY: return "fail_entry";
    case KVM_EXIT_INTERNAL_ERROR: return "internal_error";
    case KVM_EXIT_SYSTEM_EVENT: return "system_event";
    case KVM_EXIT_DEBUG: return "debug";
    case KVM_EXIT_EXCEPTION: return "exception";
    case KVM_EXIT_HYPERCALL: return "hypercall";
    case KVM_EXIT_INTR: return "interrupted";
    case KVM_EXIT_UNKNOWN: return "unknown";
    default: return "other";
    }
}

} // namespace twofold::vmm::kvm

// What a failed call to KVM means, and what would be right.
#pragma once

#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

/// The sentence for an ioctl that failed with `error_number`: its name, the system's words, and
/// what to do where that is known.
std::string explain_call(std::string_view call, int error_number);

/// The sentence for a device that could not be opened.
std::string explain_open(std::string_view path, int error_number);

/// Calls ioctl and throws Failure with the explanation when it fails. Repeats a call that a signal
/// interrupted. Returns its result.
int call(int descriptor, unsigned long request, void* argument, std::string_view name);
int call(int descriptor, unsigned long request, unsigned long argument, std::string_view name);

} // namespace twofold::vmm::kvm

/// call(), with the request's own name in what is said when it fails.
#define TWOFOLD_KVM_CALL(descriptor, request, argument)                                            \
    ::twofold::vmm::kvm::call(descriptor, request, argument, #request)

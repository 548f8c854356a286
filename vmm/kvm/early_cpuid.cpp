#include "kvm/early_cpuid.hpp"

#include <utility>

namespace twofold::vmm::kvm {

namespace {

template <class Ask>
std::shared_future<CpuidTable> asked_by_a_thread(Ask ask) {
    return std::async(std::launch::async | std::launch::deferred, std::move(ask));
}

/// Of the process: the kernel's answer does not change.
std::shared_future<CpuidTable>& early_answer() {
    static std::shared_future<CpuidTable> answer;
    return answer;
}

} // namespace

void ask_cpuid_early() {
    early_answer() = asked_by_a_thread([] { return Device{}.supported_cpuid(); });
}

std::shared_future<CpuidTable> supported_cpuid(Device const& device) {
    if (early_answer().valid()) return early_answer();
    return asked_by_a_thread([&device] { return device.supported_cpuid(); });
}

} // namespace twofold::vmm::kvm

#include "kvm/host.hpp"

#include <cpuid.h>

#include <array>
#include <cstring>
#include <fstream>

namespace twofold::vmm::kvm {

namespace {

bool processor_has_flag(std::filesystem::path const& root, std::string_view flag) {
    std::ifstream information{root / "proc/cpuinfo"};
    for (std::string line; std::getline(information, line);) {
        if (!line.starts_with("flags")) continue;
        return (line + ' ').find(" " + std::string{flag} + " ") != std::string::npos;
    }
    return false;
}

/// Parameters that are switches read "Y" or "1".
bool parameter_is_on(std::filesystem::path const& file) {
    std::ifstream parameter{file};
    char const first = static_cast<char>(parameter.get());
    return first == 'Y' || first == '1';
}

} // namespace

Host examine_host(std::filesystem::path const& root) {
    constexpr std::string_view shadows =
        "no second dimension: KVM builds shadow tables, so walks and first touches cost otherwise";
    bool const intel = processor_has_flag(root, "vmx");
    bool const amd = processor_has_flag(root, "svm");
    auto const modules = root / "sys/module";
    if (intel && !std::filesystem::exists(modules / "kvm_pvm")) {
        if (parameter_is_on(modules / "kvm_intel/parameters/ept"))
            return {Paging::ept, "VT-x with EPT", ""};
        return {Paging::shadow_on_intel, "VT-x without EPT", shadows};
    }
    if (amd && !std::filesystem::exists(modules / "kvm_pvm")) {
        if (parameter_is_on(modules / "kvm_amd/parameters/npt"))
            return {Paging::npt, "AMD-V with nested paging", ""};
        return {Paging::shadow_on_amd, "AMD-V without nested paging", shadows};
    }
    return {Paging::software, "software paging, without VT-x and AMD-V",
            "ring 0 of guests runs in KVM's instruction emulator, about a million instructions a "
            "second: guests run, but timings of ring-0 code mean nothing"};
}

std::string host_processor() {
    std::array<unsigned, 12> words{};
    // Inside a virtual machine each CPUID is an exit: no more of them than needed.
    if (__get_cpuid_max(0x8000'0000, nullptr) < 0x8000'0004) return "unknown";
    for (unsigned i = 0; i < 3; ++i)
        __cpuid(0x8000'0002 + i, words[4 * i], words[4 * i + 1], words[4 * i + 2],
                words[4 * i + 3]);
    std::array<char, 49> text{};
    std::memcpy(text.data(), words.data(), 48);
    std::string name{text.data()};
    auto const first = name.find_first_not_of(' ');
    return first == std::string::npos ? "unknown" : name.substr(first);
}

} // namespace twofold::vmm::kvm

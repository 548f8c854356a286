// What kind of host this is: how its KVM gives guests their second dimension.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace twofold::vmm::kvm {

enum class Paging { ept, npt, shadow_on_intel, shadow_on_amd, software };

struct Host {
    Paging paging;
    /// "VT-x with EPT".
    std::string_view name;
    /// What it means for figures; empty when they mean what they say.
    std::string_view meaning;
};

/// By /proc/cpuinfo and the parameters of KVM's modules, both below `root`.
Host examine_host(std::filesystem::path const& root = "/");

/// The processor's own name.
std::string host_processor();

} // namespace twofold::vmm::kvm

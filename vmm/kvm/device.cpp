#include "kvm/device.hpp"

#include "kvm/explain.hpp"
#include "system/failure.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <span>

namespace twofold::vmm::kvm {

namespace {

constexpr std::array needed_capabilities{
    Capability{KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "a guest has no memory"},
    Capability{KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR", "no machine can be set up on Intel's"},
    Capability{KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", "a guest's CPUID cannot be set"},
    Capability{KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT",
               "a guest that is to stop cannot be stopped"},
    Capability{KVM_CAP_VCPU_EVENTS, "KVM_CAP_VCPU_EVENTS", "a guest's state cannot be kept"},
};

/// What `--devices pc` needs beside these.
constexpr std::array pc_capabilities{
    Capability{KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", "a guest has no interrupt controllers"},
    Capability{KVM_CAP_PIT2, "KVM_CAP_PIT2", "a guest has no timer"},
    Capability{KVM_CAP_SET_IDENTITY_MAP_ADDR, "KVM_CAP_SET_IDENTITY_MAP_ADDR",
               "no processor can be woken on Intel's"},
};

std::vector<Capability> missing_of(std::span<Capability const> needed,
                                   std::function<int(unsigned)> const& extension) {
    std::vector<Capability> missing;
    for (auto const& capability : needed)
        if (extension(capability.number) <= 0) missing.push_back(capability);
    return missing;
}

void require(std::vector<Capability> const& missing, std::string_view remedy) {
    if (missing.empty()) return;
    std::string text = "this kernel's KVM is too old:";
    for (auto const& capability : missing)
        text += fmt::format(" it lacks {} ({}), without which {};", capability.name,
                            capability.number, capability.meaning);
    throw Failure{fmt::format("{} {}", text, remedy)};
}

void check_version(int descriptor, std::string const& path) {
    int const version = ioctl(descriptor, KVM_GET_API_VERSION, 0);
    if (version == KVM_API_VERSION) return;
    if (version < 0)
        throw Failure{fmt::format("{} is not KVM's device: {}", path,
                                  explain_call("KVM_GET_API_VERSION", errno))};
    throw Failure{fmt::format("{} speaks version {} of KVM's interface, and this program {}", path,
                              version, KVM_API_VERSION)};
}

} // namespace

std::vector<Capability> missing_capabilities(std::function<int(unsigned)> const& extension) {
    return missing_of(needed_capabilities, extension);
}

void require_capabilities(std::function<int(unsigned)> const& extension) {
    require(missing_capabilities(extension), "use a newer kernel, or --engine bochs");
}

void require_pc_capabilities(std::function<int(unsigned)> const& extension, unsigned processors) {
    require(missing_of(pc_capabilities, extension), "use a newer kernel, or --devices bare");
    int const most = std::max(extension(KVM_CAP_MAX_VCPUS), 1);
    if (processors > static_cast<unsigned>(most))
        throw Failure{fmt::format("--cpus: this kernel's KVM gives one machine at most {} "
                                  "processors",
                                  most)};
}

std::string device_path() {
    char const* const named = std::getenv("TWOFOLD_KVM");
    return named != nullptr && *named != '\0' ? named : "/dev/kvm";
}

Device::Device() {
    std::string const path = device_path();
    device_ = FileDescriptor{open(path.c_str(), O_RDWR | O_CLOEXEC)};
    if (!device_.open()) throw Failure{explain_open(path, errno)};
    check_version(device_.get(), path);
    require_capabilities([this](unsigned number) { return extension(number); });
}

int Device::extension(unsigned number) const {
    return ioctl(get(), KVM_CHECK_EXTENSION, static_cast<unsigned long>(number));
}

CpuidTable Device::supported_cpuid() const {
    CpuidTable table{};
    table.count = most_cpuid_entries;
    TWOFOLD_KVM_CALL(get(), KVM_GET_SUPPORTED_CPUID, &table);
    return table;
}

std::size_t Device::run_bytes() const {
    return static_cast<std::size_t>(TWOFOLD_KVM_CALL(get(), KVM_GET_VCPU_MMAP_SIZE, nullptr));
}

std::string why_unusable() {
    try {
        Device const device;
        return {};
    } catch (Failure const& failure) {
        return failure.what();
    }
}

} // namespace twofold::vmm::kvm

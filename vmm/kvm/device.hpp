// KVM's device: whether it can be used, and the machines that it makes.
#pragma once

#include "kvm/kvm_api.hpp"
#include "system/file_descriptor.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace twofold::vmm::kvm {

/// Something that a kernel's KVM may lack.
struct Capability {
    unsigned number;
    std::string_view name;
    /// What does not work without it.
    std::string_view meaning;
};

/// What the engine cannot do without, of what `extension(number)`, KVM_CHECK_EXTENSION's answer,
/// says is missing.
std::vector<Capability> missing_capabilities(std::function<int(unsigned)> const& extension);

/// Throws Failure that names what is missing, what does not work without it, and what would do.
void require_capabilities(std::function<int(unsigned)> const& extension);
/// The same for a machine with `--devices pc` and so many processors.
void require_pc_capabilities(std::function<int(unsigned)> const& extension, unsigned processors);

/// KVM's CPUID answers: how many there are at the most.
inline constexpr unsigned most_cpuid_entries = 128;

/// `kvm_cpuid2` with room for its entries.
struct CpuidTable {
    std::uint32_t count;
    std::uint32_t padding;
    kvm_cpuid_entry2 entries[most_cpuid_entries];
};
static_assert(offsetof(CpuidTable, entries) == sizeof(kvm_cpuid2));

class Device {
  public:
    /// Opens the device and checks it. Throws Failure that says what is wrong and what would be
    /// right.
    Device();

    [[nodiscard]] int get() const { return device_.get(); }
    [[nodiscard]] int extension(unsigned number) const;
    /// What a guest's processor may answer to CPUID.
    [[nodiscard]] CpuidTable supported_cpuid() const;
    /// Bytes of a processor's shared `kvm_run`.
    [[nodiscard]] std::size_t run_bytes() const;

  private:
    FileDescriptor device_;
};

/// /dev/kvm, or what TWOFOLD_KVM names.
std::string device_path();

/// Why KVM cannot be used here; empty when it can.
std::string why_unusable();

} // namespace twofold::vmm::kvm

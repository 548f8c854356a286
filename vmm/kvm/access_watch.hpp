// Which pages of a guest are accessed: all leave its memory, and those that are touched come back
// by a fault. KVM offers nothing that tells of the processor's accessed bits.
#pragma once

#include "kvm/guest_ram.hpp"
#include "kvm/mapping.hpp"
#include "kvm/userfault.hpp"

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

namespace twofold::vmm::kvm {

/// For a guest whose processor has left it whenever a method is called, and for memory of pages of
/// this process that nobody else answers the faults of.
class AccessWatch {
  public:
    /// Throws Failure. `ram` must outlive it.
    explicit AccessWatch(GuestRam& ram);
    /// All pages are in the guest's memory again.
    ~AccessWatch();
    AccessWatch(AccessWatch const&) = delete;
    AccessWatch& operator=(AccessWatch const&) = delete;

    /// 4 KiB pages that were accessed since the last look, or at the first one since the guest was
    /// made, its loading included. Why that can't be told, if so. Throws Failure.
    std::expected<std::uint64_t, std::string> look();
    /// Pages that have a frame, and have not come back since the last look.
    [[nodiscard]] std::uint64_t away() const;

  private:
    void move(std::uint64_t page, std::uint64_t pages, std::span<std::byte> from,
              std::span<std::byte> to);
    [[nodiscard]] std::vector<bool> present(std::span<std::byte const> memory) const;

    GuestRam& ram_;
    PageMap map_;
    /// Where pages are while they are not accessed, each at its own place.
    Mapping stage_;
    std::unique_ptr<FaultHandler> faults_;
};

} // namespace twofold::vmm::kvm

// Ports and memory where a guest has no device: what it finds there, and what is made of it.
#pragma once

#include "kvm/device_access.hpp"
#include "kvm/stop.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace twofold::vmm::kvm {

enum class UnknownIo : std::uint8_t {
    /// Ports are ignored; memory outside of all that the guest has stops it.
    by_kind,
    /// Reads give all ones, writes are dropped, both are counted.
    ignore,
    /// The same, and the report names the places.
    warn,
    /// The first access stops the guest.
    stop,
};

/// How often a place was used.
struct UnknownUses {
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
};

class UnknownAccesses {
  public:
    /// `memory_bytes`: where the guest's memory ends.
    UnknownAccesses(UnknownIo policy, std::uint64_t memory_bytes)
        : policy_(policy), memory_bytes_(memory_bytes) {}

    /// Each answers the access; the guest's end where the policy says so.
    std::optional<Stop> answer(PortAccess const& access);
    std::optional<Stop> answer(MemoryAccess const& access);

    [[nodiscard]] UnknownIo policy() const { return policy_; }
    [[nodiscard]] std::uint64_t ports() const { return ports_; }
    [[nodiscard]] std::uint64_t memory() const { return memory_; }
    /// "port 0x1234" or "gpa 0xf0000000" (of a page), the first ones that were used; only with
    /// UnknownIo::warn.
    [[nodiscard]] std::map<std::string, UnknownUses> const& places() const { return places_; }

  private:
    void note(std::string const& place, bool read, std::uint64_t count);

    UnknownIo policy_;
    std::uint64_t memory_bytes_;
    std::uint64_t ports_ = 0;
    std::uint64_t memory_ = 0;
    std::map<std::string, UnknownUses> places_;
};

} // namespace twofold::vmm::kvm

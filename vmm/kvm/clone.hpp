// Copy-on-write clones of a guest: one template in memory that is never written again, and machines
// that see it privately.
#pragma once

#include "kvm/empty_machine.hpp"
#include "kvm/guest_ram.hpp"
#include "kvm/snapshot_file.hpp"

#include <twofold/arch/address.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace twofold::vmm::kvm {

/// A frozen guest: its memory, in a file that has no name or in a snapshot's, and all the rest.
class Template {
  public:
    /// A copy of what `memory` holds. `below`: the template whose pages `memory` has where it has
    /// none of its own. `elsewhere`: in ascending order, numbers of further pages that come in when
    /// they are read. Throws Failure when memory is short.
    Template(GuestRam const& memory, SnapshotHead head, Template const* below = nullptr,
             std::span<std::uint64_t const> elsewhere = {});
    /// The snapshot itself: its file must stay as it is.
    explicit Template(SnapshotFile snapshot);

    [[nodiscard]] SnapshotHead const& head() const { return snapshot_ ? snapshot_->head() : head_; }
    [[nodiscard]] std::uint64_t memory_bytes() const { return head().memory_bytes; }
    [[nodiscard]] FileDescriptor const& memory() const { return memory_; }
    /// A private view. The template must outlive it.
    [[nodiscard]] GuestRam map() const;
    /// Makes memory that is mapped already a private view.
    void map_over(GuestRam& memory) const;
    /// Numbers of 4 KiB pages that may hold something; not of a snapshot.
    [[nodiscard]] std::vector<std::uint64_t> const& pages() const { return pages_; }
    /// Only of one that is a snapshot.
    [[nodiscard]] SnapshotFile const* snapshot() const { return snapshot_ ? &*snapshot_ : nullptr; }

  private:
    SnapshotHead head_;
    std::optional<SnapshotFile> snapshot_;
    std::vector<std::uint64_t> pages_;
    FileDescriptor memory_;
};

/// A clone's memory and machine, without what surrounds it when it runs for somebody.
class Clone {
  public:
    /// Ready to run when it is made. `from` must outlive it.
    Clone(Template const& from, EmptyMachine machine);

    [[nodiscard]] Processor& processor() { return machine_.first(); }
    [[nodiscard]] GuestRam const& ram() const { return ram_; }
    /// Memory, machine and processor are the template's again.
    void reset();

  private:
    Template const& from_;
    // The machine goes before the memory that it maps.
    GuestRam ram_;
    EmptyMachine machine_;
};

} // namespace twofold::vmm::kvm

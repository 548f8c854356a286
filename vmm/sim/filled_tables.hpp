// The techniques that are simulated: whose tables are walked, and who fills them at a fault.
#pragma once

#include "sim/configuration.hpp"
#include "sim/demand_tables.hpp"

#include <twofold/model/context.hpp>
#include <twofold/model/native_space.hpp>
#include <twofold/model/nested_space.hpp>

#include <algorithm>
#include <optional>

namespace twofold::vmm {

template <unsigned Levels>
class NativeParts {
  public:
    using Format = X86Format<Gva, Hpa, Levels>;
    using Space = NativeSpace<FixedFormat<Format>, SparseMemory>;

    NativeParts(SparseMemory& memory, Configuration const& configuration)
        : memory_(memory), tables_(memory, configuration) {}
    [[nodiscard]] Space space() { return {{}, tables_.root(), memory_}; }
    [[nodiscard]] twofold::Context context() const { return {}; }
    [[nodiscard]] std::uint64_t bytes() const { return tables_.bytes(); }
    void fill(NestedFault const&, Gva gva, SimulationResult& result) {
        tables_.fill(gva);
        ++result.guest_faults;
    }
    void remap(Gva gva, SimulationResult&) { tables_.remap(gva); }
    void populate(Gva gva) { tables_.fill(gva); }

  private:
    SparseMemory& memory_;
    NativeTables<Format> tables_;
};

/// A guest and EPT.
template <unsigned GuestLevels, unsigned EptLevels>
class NestedParts {
  public:
    using Guest = X86Format<Gva, Gpa, GuestLevels>;
    using Ept = EptFormat<EptLevels>;
    using Space = NestedSpace<FixedFormat<Guest>, FixedFormat<Ept>, SparseMemory>;

    NestedParts(SparseMemory& memory, Configuration const& configuration)
        : memory_(memory), tables_(memory, configuration) {}
    [[nodiscard]] Space space() {
        return {{}, tables_.guest_root(), {{}, tables_.ept_root(), memory_}};
    }
    [[nodiscard]] twofold::Context context() const { return {1, 0, tables_.ept_root()}; }
    [[nodiscard]] std::uint64_t bytes() const { return tables_.bytes(); }
    void fill(NestedFault const& fault, Gva gva, SimulationResult& result) {
        if (fault.dimension == Dimension::guest) {
            tables_.fill_guest(gva);
            ++result.guest_faults;
        } else {
            tables_.fill_ept(fault.gpa);
            ++result.ept_violations;
        }
    }
    void remap(Gva gva, SimulationResult&) { tables_.remap(gva); }
    void populate(Gva gva) { tables_.populate(gva); }

  private:
    SparseMemory& memory_;
    NestedTables<Guest, Ept> tables_;
};

/// The same guest and EPT, and shadow tables that the hypervisor keeps beside them: these are what
/// the processor walks.
template <unsigned GuestLevels, unsigned EptLevels>
class ShadowParts {
  public:
    using Shadow = X86Format<Gva, Hpa, GuestLevels>;
    using Space = NativeSpace<FixedFormat<Shadow>, SparseMemory>;

    ShadowParts(SparseMemory& memory, Configuration const& configuration)
        : memory_(memory), below_(memory, configuration),
          guest_page_(configuration.guest_page.bytes()),
          piece_(std::min(configuration.guest_page, configuration.host_page).bytes()) {
        root_ = *tables_.allocate_table();
    }
    [[nodiscard]] Space space() { return {{}, root_, memory_}; }
    [[nodiscard]] twofold::Context context() const { return {1, 0, std::nullopt}; }
    [[nodiscard]] std::uint64_t bytes() const { return below_.bytes() + tables_.bytes(); }

    /// An exit: the hypervisor walks the guest's tables and copies what it finds.
    void fill(NestedFault const&, Gva gva, SimulationResult& result) {
        ++result.shadow_fills;
        auto const space = below_.space();
        for (;;) {
            auto const found =
                walk_nested(space.guest, space.root, gva, space.ept, [](Reference const&) {});
            if (found) return copy(gva, *found);
            if (found.error().dimension == Dimension::guest) ++result.shadow_updates;
            below_.fill(found.error(), gva, result);
        }
    }
    /// The guest's write to its table exits; the shadow entry goes and is filled at the next touch.
    void remap(Gva gva, SimulationResult& result) {
        below_.remap(gva, result);
        ++result.shadow_updates;
        (void)unmap(Shadow{}, root_, gva, memory_);
    }

    void populate(Gva gva) {
        SimulationResult uncounted;
        below_.populate(gva);
        for (std::uint64_t at = 0; at < guest_page_; at += piece_)
            fill({}, gva + at, uncounted);
    }

  private:
    void copy(Gva gva, NestedTranslation const& found) {
        auto const size = found.page_size();
        map_or_fail<Shadow>(root_, gva, size, found.hpa.aligned_down(size.bytes()), memory_,
                            tables_);
    }

    SparseMemory& memory_;
    NestedParts<GuestLevels, EptLevels> below_;
    /// Bytes of a guest's page, and of what a shadow entry maps of it.
    std::uint64_t guest_page_;
    std::uint64_t piece_;
    TableRow<Hpa> tables_{sim_layout::shadow_tables};
    Hpa root_;
};

} // namespace twofold::vmm

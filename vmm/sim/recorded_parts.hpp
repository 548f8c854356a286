// The techniques over recorded tables: nobody fills them, so that every access must be mapped.
#pragma once

#include "sim/filled_tables.hpp"
#include "sim/recorded_tables.hpp"

namespace twofold::vmm {

/// Throws Failure that says what is not mapped.
[[noreturn]] void fail_unmapped(NestedFault const& fault, Gva gva);

template <unsigned Levels>
class RecordedNative {
  public:
    using Format = X86Format<Gva, Hpa, Levels>;
    using Space = NativeSpace<FixedFormat<Format>, PagedMemory const>;

    RecordedNative(SparseMemory&, Configuration const& of) : tables_(*of.recorded) {}
    [[nodiscard]] Space space() {
        return {{}, Hpa{tables_.guest_root().value()}, tables_.native()};
    }
    [[nodiscard]] Context context() const { return {}; }
    [[nodiscard]] std::uint64_t bytes() const { return tables_.native_bytes(); }
    void fill(NestedFault const& fault, Gva gva, SimulationResult&) { fail_unmapped(fault, gva); }
    void remap(Gva, SimulationResult&) {}
    void populate(Gva) {}

  private:
    RecordedTables const& tables_;
};

template <unsigned GuestLevels, unsigned EptLevels>
class RecordedNested {
  public:
    using Guest = X86Format<Gva, Gpa, GuestLevels>;
    using Ept = EptFormat<EptLevels>;
    using Space = NestedSpace<FixedFormat<Guest>, FixedFormat<Ept>, PagedMemory const>;

    RecordedNested(SparseMemory&, Configuration const& of) : tables_(*of.recorded) {}
    [[nodiscard]] Space space() const {
        return {{}, tables_.guest_root(), {{}, tables_.ept_root(), tables_.host()}};
    }
    [[nodiscard]] Context context() const { return {1, 0, tables_.ept_root()}; }
    [[nodiscard]] std::uint64_t bytes() const { return tables_.bytes(); }
    void fill(NestedFault const& fault, Gva gva, SimulationResult&) { fail_unmapped(fault, gva); }
    void remap(Gva, SimulationResult&) {}
    void populate(Gva) {}

  private:
    RecordedTables const& tables_;
};

/// Shadow tables are filled, out of the recorded ones.
template <unsigned GuestLevels, unsigned EptLevels>
class RecordedShadow {
  public:
    using Shadow = X86Format<Gva, Hpa, GuestLevels>;
    using Space = NativeSpace<FixedFormat<Shadow>, SparseMemory>;

    RecordedShadow(SparseMemory& memory, Configuration const& of)
        : memory_(memory), below_(memory, of), root_(*tables_.allocate_table()) {}
    [[nodiscard]] Space space() { return {{}, root_, memory_}; }
    [[nodiscard]] Context context() const { return {1, 0, std::nullopt}; }
    [[nodiscard]] std::uint64_t bytes() const { return below_.bytes() + tables_.bytes(); }

    void fill(NestedFault const&, Gva gva, SimulationResult& result) {
        ++result.shadow_fills;
        auto const space = below_.space();
        auto const found =
            walk_nested(space.guest, space.root, gva, space.ept, [](Reference const&) {});
        if (!found) fail_unmapped(found.error(), gva);
        auto const size = found->page_size();
        map_or_fail<Shadow>(root_, gva, size, found->hpa.aligned_down(size.bytes()), memory_,
                            tables_);
    }
    void remap(Gva, SimulationResult&) {}
    void populate(Gva) {}

  private:
    SparseMemory& memory_;
    RecordedNested<GuestLevels, EptLevels> below_;
    TableRow<Hpa> tables_{sim_layout::shadow_tables};
    Hpa root_;
};

} // namespace twofold::vmm

#include "bench/walk_speed.hpp"

#include "sim/demand_tables.hpp"
#include "system/failure.hpp"

#include <twofold/model/random_numbers.hpp>
#include <twofold/paging/walk_batch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <vector>

namespace twofold::vmm {

namespace {

/// Short rounds, most of which no other process interrupts. What one way of walking has just
/// walked the others walk a third of the rounds later, so that none finds it fresher in the
/// data caches.
constexpr std::size_t walks_a_round = 400;
constexpr std::size_t rounds = 300;
constexpr std::size_t prepared_walks = walks_a_round * rounds;
constexpr std::size_t references_a_walk = 24;
constexpr Gva first_gva{0x10'0000'0000};

using Guest = X86Format<Gva, Gpa, 4>;
using Ept = EptFormat<4>;

/// What the compiler may not know, so that one load really waits for the other.
std::uint64_t unknown_zero() {
    std::uint64_t volatile zero = 0;
    return zero;
}

class WalkScene {
  public:
    explicit WalkScene(std::uint64_t table_bytes)
        : memory_(sim_layout::table_memory_bytes),
          tables_(memory_,
                  Configuration{.placement = Placement::linear, .populate_from = first_gva}) {
        std::uint64_t const pages = table_bytes / sizeof(std::uint64_t);
        for (std::uint64_t page = 0; page < pages; ++page)
            tables_.populate(first_gva + page * 4096);
        RandomNumbers random{1};
        for (std::size_t at = 0; at < prepared_walks; ++at)
            gvas_.push_back(first_gva + random.below(pages) * 4096);
        record_all();
    }

    /// Seconds of a round of walks, each of which waits for the one before.
    [[gnu::flatten]] double walk_round(std::size_t round) {
        std::uint64_t const zero = unknown_zero();
        std::array<Reference, references_a_walk> recorded;
        std::uint64_t last = 0;
        return seconds([&] {
            for (Gva const gva : gvas_of(round)) {
                std::size_t count = 0;
                auto observe = [&](Reference const& reference) { recorded[count++] = reference; };
                auto const found = walk_nested(Guest{}, tables_.guest_root(), gva + (last & zero),
                                               tables_.ept(), observe);
                if (!found || !found->guest_permissions.read || !found->ept_permissions.read)
                    throw Failure{"a walk of prepared tables failed"};
                last = found->hpa.value();
                // The records are read by someone, as far as the compiler knows.
                asm volatile("" : : "r"(recorded.data()) : "memory");
            }
        });
    }
    /// Seconds of a round of walks that do not wait for each other.
    double walk_round_batched(std::size_t round) {
        std::array<std::array<Reference, references_a_walk>, walks_a_round> recorded;
        std::array<std::uint8_t, walks_a_round> counts{};
        std::size_t failed = 0;
        double const taken = seconds([&] {
            walk_nested_batch(
                Guest{}, tables_.guest_root(), gvas_of(round), tables_.ept(),
                [&](std::size_t which, Reference const& reference) {
                    recorded[which][counts[which]++] = reference;
                },
                [&](std::size_t, auto const& found) {
                    failed += found && found->guest_permissions.read && found->ept_permissions.read
                                  ? 0
                                  : 1;
                });
            asm volatile("" : : "r"(recorded.data()) : "memory");
        });
        if (failed != 0) throw Failure{"a walk of prepared tables failed"};
        return taken;
    }
    /// Seconds of the bare chain of a round's references.
    double chain_round(std::size_t round) {
        std::uint64_t const zero = unknown_zero();
        std::uint64_t last = 0;
        std::size_t const count = walks_a_round * references_a_walk;
        double const taken = seconds([&] {
            for (Hpa const address : std::span{addresses_}.subspan(round * count, count))
                last = *memory_.read<std::uint64_t>(address + (last & zero));
        });
        asm volatile("" : : "r"(last));
        return taken;
    }

  private:
    template <class Work>
    static double seconds(Work&& work) {
        auto const start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    [[nodiscard]] std::span<Gva const> gvas_of(std::size_t round) const {
        return std::span{gvas_}.subspan(round * walks_a_round, walks_a_round);
    }
    void record_all() {
        auto observe = [this](Reference const& reference) {
            addresses_.push_back(reference.address);
        };
        for (Gva const gva : gvas_)
            (void)walk_nested(Guest{}, tables_.guest_root(), gva, tables_.ept(), observe);
    }

    SparseMemory memory_;
    NestedTables<Guest, Ept> tables_;
    std::vector<Gva> gvas_;
    std::vector<Hpa> addresses_;
};

double median(std::array<double, rounds> values) {
    std::ranges::nth_element(values, values.begin() + rounds / 2);
    return values[rounds / 2];
}

} // namespace

WalkSpeed measure_walk_speed(std::uint64_t table_bytes) {
    WalkScene scene{table_bytes};
    std::array<double, rounds> chain{};
    std::array<double, rounds> dependent{};
    std::array<double, rounds> batched{};
    for (std::size_t round = 0; round < rounds; ++round) {
        chain[round] = scene.chain_round(round);
        dependent[round] = scene.walk_round((round + rounds / 3) % rounds);
        batched[round] = scene.walk_round_batched((round + rounds * 2 / 3) % rounds);
    }
    double const floor = median(chain);
    return {median(dependent) / floor, median(batched) / floor,
            floor * 1e9 / (walks_a_round * references_a_walk)};
}

} // namespace twofold::vmm

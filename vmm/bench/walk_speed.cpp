#include "bench/walk_speed.hpp"

#include "sim/demand_tables.hpp"
#include "system/failure.hpp"

#include <twofold/model/random_numbers.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <vector>

namespace twofold::vmm {

namespace {

constexpr std::size_t walks_a_round = 40'000;
constexpr std::size_t rounds = 9;
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
        for (std::size_t at = 0; at < walks_a_round; ++at)
            gvas_.push_back(first_gva + random.below(pages) * 4096);
        record_all();
    }

    /// Seconds of all walks. `wait`: all ones where a walk waits for the last, else 0.
    double walk_all(std::uint64_t wait) {
        std::uint64_t const zero = unknown_zero();
        std::array<Reference, references_a_walk> recorded;
        std::uint64_t last = 0;
        return seconds([&] {
            for (Gva const gva : gvas_) {
                std::size_t count = 0;
                auto observe = [&](Reference const& reference) { recorded[count++] = reference; };
                auto const found = walk_nested(Guest{}, tables_.guest_root(),
                                               gva + (last & zero & wait), tables_.ept(), observe);
                if (!found || !found->guest_permissions.read || !found->ept_permissions.read)
                    throw Failure{"a walk of prepared tables failed"};
                last = wait == 0 ? last ^ found->hpa.value() : found->hpa.value();
                // The records are read by someone, as far as the compiler knows.
                asm volatile("" : : "r"(recorded.data()) : "memory");
            }
        });
    }
    /// Seconds of the bare chain.
    double chain_all() {
        std::uint64_t const zero = unknown_zero();
        std::uint64_t last = 0;
        double const taken = seconds([&] {
            for (Hpa const address : addresses_)
                last = *memory_.read<std::uint64_t>(address + (last & zero));
        });
        asm volatile("" : : "r"(last));
        return taken;
    }
    [[nodiscard]] std::size_t references() const { return addresses_.size(); }

  private:
    template <class Work>
    static double seconds(Work&& work) {
        auto const start = std::chrono::steady_clock::now();
        work();
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
    std::array<double, rounds> independent{};
    for (std::size_t round = 0; round < rounds; ++round) {
        chain[round] = scene.chain_all();
        dependent[round] = scene.walk_all(~std::uint64_t{0});
        independent[round] = scene.walk_all(0);
    }
    double const floor = median(chain);
    return {median(dependent) / floor, median(independent) / floor,
            floor * 1e9 / static_cast<double>(scene.references())};
}

} // namespace twofold::vmm

// Measures what clones cost: the clone itself, and what the first writes after it pay for.
//
//   costs  [--touch M]...            a clone, a copy-on-write break and an un-shared table, with
//                                    M MiB touched, each time more than before
//   depth  [--generations N]         the same by clones of clones of clones
//   number [--clones N]              the same with N clones alive
//   frames [--clones N] [--pages W] [--ticks T]
//                                    makes N clones that write W pages each; all of them end when T
//                                    ticks are over, so that the first to end finds the others
//                                    alive
#include "guest/kit/memory.hpp"

#include "guest/kit/hypercall.hpp"
#include "guest/kit/kernel.hpp"
#include "guest/kit/options.hpp"
#include "guest/kit/processor.hpp"
#include "guest/memory/clone_and_write.hpp"

#include <algorithm>
#include <array>

namespace twofold::guest {

namespace {

// As clone_and_write.S has them.
static_assert(static_cast<std::uint64_t>(abi::Hypercall::exit) == 1);
static_assert(static_cast<std::uint64_t>(abi::Hypercall::clone) == 4);
static_assert(static_cast<std::uint64_t>(abi::Hypercall::yield) == 18);

constexpr std::uint64_t pages_a_table = 512;
constexpr std::uint64_t bytes_a_table = pages_a_table * page_4k.bytes();
constexpr std::size_t samples = 5;

std::uint64_t median(std::array<std::uint64_t, samples> ticks) {
    std::ranges::sort(ticks);
    return ticks[samples / 2];
}

template <class Name>
void report(std::string_view what, Name const& which, std::uint64_t ticks) {
    Line name;
    put(name, what);
    put(name, which);
    report_figure(name.text(), ticks);
}

/// Touched memory, of which each table of 512 pages is used for one measurement.
class Region {
  public:
    explicit Region(std::uint64_t mebibytes)
        : begin_(allocate_pages(mebibytes << 8, bytes_a_table)), end_(begin_ ? *begin_ : Gpa{}) {}

    [[nodiscard]] std::uint64_t* first() const { return pointer_to<std::uint64_t>(*begin_); }
    [[nodiscard]] bool exists() const { return begin_.has_value(); }
    /// Writes to every page up to `mebibytes`.
    void touch(std::uint64_t mebibytes) {
        for (Gpa const until = *begin_ + (mebibytes << 20); end_ < until; end_ = end_ + 4096)
            *pointer_to<std::uint64_t volatile>(end_) = end_.value();
    }
    /// What a write costs to page `page` of table `table`, from instruction to instruction.
    [[nodiscard]] std::uint64_t ticks_of_write(std::uint64_t table, std::uint64_t page) const {
        Gpa const gpa = *begin_ + table * bytes_a_table + page * page_4k.bytes();
        return ticks_of_store(pointer_to<std::uint64_t>(gpa));
    }

  private:
    std::optional<Gpa> begin_;
    Gpa end_;
};

/// After a clone that is still alive: the first write in a table un-shares it, the second finds its
/// way private.
struct WriteTicks {
    std::uint64_t cow_break;
    std::uint64_t unshare_table;
};
WriteTicks measure_writes(Region const& region) {
    (void)region.ticks_of_write(0, 0); // which un-shares what is above the tables as well
    std::array<std::uint64_t, samples> breaks{};
    std::array<std::uint64_t, samples> both{};
    for (std::size_t i = 0; i < samples; ++i) {
        breaks[i] = region.ticks_of_write(0, i + 1);
        both[i] = region.ticks_of_write(i + 1, 0);
    }
    return {median(breaks), median(both) - median(breaks)};
}

/// A clone that has nothing to do.
[[noreturn]] void end_clone() { exit(0); }

/// Makes a clone and returns what that cost; in the clone nothing.
std::optional<std::uint64_t> ticks_of_clone() {
    CloneTicks const made = clone_and_count();
    if (made.result == 0) return std::nullopt;
    if (made.result >= static_cast<std::uint64_t>(abi::HypercallError::last)) {
        print("no clone\n");
        exit(1);
    }
    return made.ticks;
}

int measure_costs(Options& options) {
    constexpr std::uint64_t most = 512;
    Region region{most};
    if (!region.exists()) return 1;
    while (auto const argument = options.next()) {
        if (*argument != "--touch") options.refuse();
        std::uint64_t const mebibytes = options.number();
        region.touch(mebibytes);
        std::array<std::uint64_t, samples> clones{};
        for (auto& ticks : clones) {
            auto const made = ticks_of_clone();
            if (!made) end_clone();
            ticks = *made;
        }
        auto const writes = measure_writes(region);
        report("clone_m", mebibytes, median(clones));
        report("cow_break_m", mebibytes, writes.cow_break);
        report("unshare_table_m", mebibytes, writes.unshare_table);
    }
    return 0;
}

void wait_until(std::uint64_t tick) {
    while (read_ticks() < tick)
        asm volatile("pause");
}

int measure_depth(Options& options) {
    std::uint64_t generations = 8;
    while (auto const argument = options.next()) {
        if (*argument != "--generations") options.refuse();
        generations = options.number();
    }
    constexpr std::uint64_t mebibytes = 16;
    Region region{mebibytes};
    if (!region.exists()) return 1;
    region.touch(mebibytes);
    std::uint64_t const turn = 100'000;
    std::uint64_t const end = read_ticks() + 40 * generations * generations * turn;
    for (std::uint64_t depth = 1; depth <= generations; ++depth) {
        auto const ticks = ticks_of_clone();
        if (ticks) {
            // Whoever was cloned stays, so that its clone shares with it.
            report("clone_depth_", depth, *ticks);
            wait_until(end);
            return 0;
        }
        auto const writes = measure_writes(region);
        report("cow_break_depth_", depth, writes.cow_break);
        report("unshare_table_depth_", depth, writes.unshare_table);
    }
    return 0;
}

int measure_number(Options& options) {
    std::uint64_t clones = 1000;
    while (auto const argument = options.next()) {
        if (*argument != "--clones") options.refuse();
        clones = options.number();
    }
    constexpr std::uint64_t mebibytes = 16;
    Region region{mebibytes};
    if (!region.exists()) return 1;
    region.touch(mebibytes);
    std::array<std::uint64_t, 4> ticks{};
    for (std::uint64_t made = 1, next = 1, place = 0; made <= clones; ++made) {
        auto const one = ticks_of_clone();
        if (!one) end_clone();
        if (made != next || place == ticks.size()) continue;
        ticks[place++] = *one;
        next *= 10;
    }
    auto const writes = measure_writes(region);
    for (std::uint64_t place = 0, made = 1; place < ticks.size() && made <= clones; ++place) {
        report("clone_number_", made, ticks[place]);
        made *= 10;
    }
    report("cow_break_number_", clones, writes.cow_break);
    report("unshare_table_number_", clones, writes.unshare_table);
    return 0;
}

int hold_frames(Options& options) {
    std::uint64_t clones = 0;
    std::uint64_t pages = 0;
    std::uint64_t ticks = 0;
    while (auto const argument = options.next()) {
        std::uint64_t& value = *argument == "--clones"  ? clones
                               : *argument == "--pages" ? pages
                                                        : ticks;
        if (&value == &ticks && *argument != "--ticks") options.refuse();
        value = options.number();
    }
    constexpr std::uint64_t mebibytes = 16;
    Region region{mebibytes};
    if (!region.exists() || pages > mebibytes << 8) return 1;
    region.touch(mebibytes);
    clone_and_write(clones, region.first(), pages, read_ticks() + ticks);
}

} // namespace

int run_kernel(Arguments arguments) {
    Options options{arguments};
    auto const what = options.next();
    if (what == "costs") return measure_costs(options);
    if (what == "depth") return measure_depth(options);
    if (what == "number") return measure_number(options);
    if (what == "frames") return hold_frames(options);
    print(arguments[0], ": costs, depth, number or frames?\n");
    return 2;
}

} // namespace twofold::guest

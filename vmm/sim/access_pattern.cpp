#include "sim/access_pattern.hpp"

#include "system/failure.hpp"

#include <twofold/model/random_numbers.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <utility>

namespace twofold::vmm {

namespace {

constexpr std::uint64_t word_bytes = 8;
constexpr std::uint64_t node_bytes = 64;

/// Asks `Step` for one offset after the other. A step writes where `writes()` says so.
template <class Step>
class PatternSource final : public AccessSource {
  public:
    explicit PatternSource(PatternParameters const& parameters)
        : step_(parameters), first_(parameters.first), left_(parameters.accesses) {}
    std::size_t next(std::span<TraceAccess> batch) override {
        std::size_t const count =
            static_cast<std::size_t>(std::min<std::uint64_t>(batch.size(), left_));
        for (auto& one : batch.first(count))
            one = step_(first_);
        left_ -= count;
        return count;
    }

  private:
    Step step_;
    Gva first_;
    std::uint64_t left_;
};

template <class Step>
std::unique_ptr<AccessSource> make_pattern(PatternParameters const& parameters) {
    return std::make_unique<PatternSource<Step>>(parameters);
}

struct Stride {
    explicit Stride(PatternParameters const& p) : Stride(p, p.stride) {}
    Stride(PatternParameters const& p, std::uint64_t step) : footprint(p.footprint), stride(step) {}
    TraceAccess operator()(Gva first) {
        TraceAccess const access{first + at};
        at = (at + stride) % footprint;
        return access;
    }
    std::uint64_t footprint;
    std::uint64_t stride;
    std::uint64_t at = 0;
};

struct Sequential : Stride {
    explicit Sequential(PatternParameters const& p) : Stride(p, word_bytes) {}
};

struct Uniform {
    explicit Uniform(PatternParameters const& p)
        : random(p.seed), words(p.footprint / word_bytes) {}
    TraceAccess operator()(Gva first) { return {first + random.below(words) * word_bytes}; }
    RandomNumbers random;
    std::uint64_t words;
};

/// Each word of a random table is read and written back.
struct Gups : Uniform {
    using Uniform::Uniform;
    TraceAccess operator()(Gva first) {
        if (write_back) return std::exchange(write_back, false), TraceAccess{last, Access::write};
        last = Uniform::operator()(first).gva;
        write_back = true;
        return {last};
    }
    Gva last{};
    bool write_back = false;
};

/// One cycle through all nodes in a permuted order: each access depends on the one before.
struct PointerChase {
    explicit PointerChase(PatternParameters const& p)
        : bits(static_cast<unsigned>(std::bit_width(p.footprint / node_bytes) - 1)) {}
    TraceAccess operator()(Gva first) {
        return {first + permuted(at++ & ((std::uint64_t{1} << bits) - 1), bits) * node_bytes};
    }
    unsigned bits;
    std::uint64_t at = 0;
};

/// 0 to 1, 1 excluded, of a random number.
double fraction_of(std::uint64_t number) { return static_cast<double>(number >> 11) * 0x1.0p-53; }

/// Pages by Zipf's law, the frequent ones scattered, by inverting the law's integral.
struct Zipf {
    explicit Zipf(PatternParameters const& p)
        : random(p.seed), pages(p.footprint >> 12), exponent(1 - p.skew),
          scale(std::abs(exponent) < 1e-9
                    ? std::log(static_cast<double>(pages) + 1)
                    : (std::pow(static_cast<double>(pages) + 1, exponent) - 1) / exponent) {}
    TraceAccess operator()(Gva first) {
        double const area = fraction_of(random()) * scale;
        double const rank = std::abs(exponent) < 1e-9 ? std::exp(area)
                                                      : std::pow(area * exponent + 1, 1 / exponent);
        std::uint64_t const page = mixed(static_cast<std::uint64_t>(rank)) % pages;
        return {first + (page << 12) + (random() & 0xff8)};
    }
    RandomNumbers random;
    std::uint64_t pages;
    double exponent;
    double scale;
};

/// Look-ups in a B-tree of 4 KiB nodes with 256 children, stored level by level: root to leaf.
struct BTree {
    static constexpr std::uint64_t fan_out = 256;
    explicit BTree(PatternParameters const& p) : random(p.seed) {
        std::uint64_t const nodes = std::max<std::uint64_t>(p.footprint >> 12, 1);
        for (std::uint64_t start = 0, count = 1; start < nodes; start += count, count *= fan_out) {
            starts[levels] = start;
            counts[levels++] = std::min(count, nodes - start);
        }
    }
    TraceAccess operator()(Gva first) {
        if (level == 0) key = random();
        __extension__ using Wide = unsigned __int128;
        auto const node = static_cast<std::uint64_t>((Wide{key} * counts[level]) >> 64);
        std::uint64_t const slot = mixed(key + level) % (4096 / node_bytes);
        Gva const gva = first + ((starts[level] + node) << 12) + slot * node_bytes;
        level = level + 1 == levels ? 0 : level + 1;
        return {gva};
    }
    RandomNumbers random;
    std::array<std::uint64_t, 8> starts{};
    std::array<std::uint64_t, 8> counts{};
    unsigned levels = 0;
    unsigned level = 0;
    std::uint64_t key = 0;
};

/// A breadth-first search of a random graph: the edges of a vertex in sequence, then for each the
/// neighbour's state, anywhere. One eighth of the footprint is states, the rest edges.
struct Graph {
    static constexpr std::uint64_t degree = 8;
    explicit Graph(PatternParameters const& p)
        : random(p.seed), states(std::max<std::uint64_t>(p.footprint / 8 / word_bytes, 1)),
          edges(std::max<std::uint64_t>(p.footprint / 8 * 7 / word_bytes, degree)) {}
    TraceAccess operator()(Gva first) {
        if (std::exchange(at_edge, !at_edge)) {
            if (next_edge % degree == 0) next_edge = random.below(edges / degree) * degree;
            return {first + (states + next_edge++ % edges) * word_bytes};
        }
        std::uint64_t const state = mixed(next_edge) % states;
        return {first + state * word_bytes, (state & 3) == 0 ? Access::write : Access::read};
    }
    RandomNumbers random;
    std::uint64_t states;
    std::uint64_t edges;
    std::uint64_t next_edge = 0;
    bool at_edge = true;
};

constexpr std::array<PatternKind, 8> kinds{{
    {"sequential", "one 8-byte word after the other, over and over", make_pattern<Sequential>},
    {"stride", "every --stride bytes, over and over", make_pattern<Stride>},
    {"random", "uniformly random words", make_pattern<Uniform>},
    {"zipf", "pages by Zipf's law, exponent --skew", make_pattern<Zipf>},
    {"chase", "a pointer chase: all 64-byte nodes in permuted order", make_pattern<PointerChase>},
    {"gups", "random words, each read and written back", make_pattern<Gups>},
    {"btree", "look-ups in a B-tree of 4 KiB nodes, fan-out 256", make_pattern<BTree>},
    {"graph", "breadth-first search of a random graph of degree 8", make_pattern<Graph>},
}};

} // namespace

std::span<PatternKind const> pattern_kinds() { return kinds; }

PatternKind const& pattern_named(std::string_view name) {
    auto const found = std::ranges::find(kinds, name, &PatternKind::name);
    if (found != kinds.end()) return *found;
    std::string known;
    for (auto const& kind : kinds)
        known += fmt::format("{}{}", known.empty() ? "" : ", ", kind.name);
    throw UsageError{fmt::format("there is no pattern '{}'; there are: {}", name, known)};
}

} // namespace twofold::vmm

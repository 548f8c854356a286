// What guests live through when the memory manager is tested: steps without pattern, which a seed
// decides, the same in a kernel of the family as in tests on the host.
#pragma once

#include <twofold/model/random_numbers.hpp>

#include <cstdint>
#include <span>

namespace twofold {

/// What a guest does with its memory, or is done to it.
enum class ScenarioStep : std::uint8_t {
    /// Looks at a word of a page, executes one, looks at all words.
    read,
    execute,
    verify,
    /// Changes a word of a page, or all; the host changes one.
    store,
    fill,
    host_write,
    clone,
    /// Ends.
    drop,
    /// Gives pages back, as to a balloon.
    release,
    /// Starts a dirty log, or collects the one that is kept and maybe ends it.
    log,
    split,
    promote,
    fill_and_promote,
    merge,
    swap_out,
    reclaim,
    working_set,
};

/// How often a step comes among all.
struct StepWeight {
    ScenarioStep step;
    std::uint32_t weight;
};

/// An endless sequence of steps by weights.
class Scenario {
  public:
    struct Drawn {
        ScenarioStep step;
        /// On which page, where the step is about one.
        std::uint64_t page;
        /// Decides about the rest of it.
        std::uint64_t choice;
    };

    /// `weights`: outlives this; their sum is not 0. `pages`: 1 or more. Sequences of one seed and
    /// different `guest` have nothing in common.
    constexpr Scenario(std::span<StepWeight const> weights, std::uint64_t pages, std::uint64_t seed,
                       std::uint64_t guest = 0)
        : weights_(weights), pages_(pages), random_(mixed(seed) ^ guest) {
        for (StepWeight const& one : weights)
            sum_ += one.weight;
    }

    constexpr Drawn next() {
        std::uint64_t left = random_.below(sum_);
        StepWeight const* one = weights_.data();
        for (; left >= one->weight; ++one)
            left -= one->weight;
        std::uint64_t const page = random_.below(pages_);
        return {one->step, page, random_()};
    }
    /// For what steps ask beyond their `choice`.
    constexpr RandomNumbers& random() { return random_; }

  private:
    std::span<StepWeight const> weights_;
    std::uint64_t pages_;
    std::uint64_t sum_ = 0;
    RandomNumbers random_;
};

} // namespace twofold

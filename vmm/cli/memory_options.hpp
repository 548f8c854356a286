// The options that say how all guests together use the machine's memory.
#pragma once

#include "image/launch_plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace twofold::vmm {

class OptionList;

struct MemoryOptionTexts {
    std::string frames_limit;
    std::string swap;
    std::string overcommit;
    std::optional<std::uint32_t> overcommit_ratio;
    bool audit = false;
    std::string merge;
    bool promote = false;
    bool nx_huge_pages = false;
    std::optional<std::uint16_t> working_set;
    std::string dirty_log;
    std::optional<std::uint16_t> dirty_log_every;

    /// `command` has --native already.
    void add_to(OptionList command);

    /// The name of one that was given, or nothing.
    [[nodiscard]] std::string_view given() const;
    /// The same of those that only the hypervisor knows.
    [[nodiscard]] std::string_view given_for_the_hypervisor() const;
    /// Throws UsageError for values that make no sense.
    [[nodiscard]] MemoryPlan plan() const;

  private:
    [[nodiscard]] MemoryPlan::Merge merge_plan() const;
    [[nodiscard]] abi::DirtyLogging dirty_log_means() const;
};

} // namespace twofold::vmm

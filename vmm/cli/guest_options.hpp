// The options that say how one guest is launched.
#pragma once

#include "cli/boot_options.hpp"
#include "image/launch_plan.hpp"

#include <string>
#include <vector>

namespace twofold::vmm {

class OptionList;

/// How a guest is launched.
struct GuestOptionTexts {
    std::string memory;
    std::string guest_page = "4k";
    std::string host_page;
    std::string populate;
    std::string timeout = "60";
    std::string accessed_dirty = "on";
    std::uint16_t clones = 0;
    bool zeroed_stock = false;
    bool ept_probes = false;
    bool native = false;
    BootOptionTexts boot;

    void add_to(OptionList command);

    /// A plan for one guest, whose first argument is its name in every report. Reads and checks the
    /// file. Throws Failure for a file that can't be loaded, UsageError for options that make no
    /// sense, alone or together.
    [[nodiscard]] GuestPlan plan(std::string const& guest,
                                 std::vector<std::string> const& arguments) const;
};

/// The values that an option takes, for --help and for completion.
inline constexpr char const* page_size_values = "4k|2m|1g";

} // namespace twofold::vmm

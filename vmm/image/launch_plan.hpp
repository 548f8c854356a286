// What is to be run: the guests and how each of them is launched.
#pragma once

#include <twofold/abi/disk_image.hpp>
#include <twofold/arch/page_size.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace twofold::vmm {

struct GuestPlan {
    /// The guest's name, then its arguments. Never empty; no NUL inside.
    std::vector<std::string> arguments;
    /// The bytes of the ELF file.
    std::vector<std::byte> elf;
    std::uint64_t memory_bytes;
    PageSize guest_page = page_4k;
    PageSize host_page = page_4k;
    abi::Populate populate = abi::Populate::lazy;
    /// 0: without limit.
    std::chrono::milliseconds time_limit{0};

    [[nodiscard]] std::string const& name() const { return arguments.front(); }
};

struct LaunchPlan {
    std::vector<GuestPlan> guests;
    /// Run the only guest on the bare processor, without VT-x.
    bool native = false;
};

} // namespace twofold::vmm

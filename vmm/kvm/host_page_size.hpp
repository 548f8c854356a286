// By pages of which size Linux maps a guest's memory, changed at the guest's wish. What the memory
// holds stays, and KVM follows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace twofold::vmm::kvm {

enum class ResizeOutcome : std::uint8_t {
    done,
    /// Not all of the page's parts are there, or it reaches beyond the memory.
    not_whole,
    /// Linux would not, or can't.
    refused,
};

/// The huge page around `at`, if there is one, becomes pages of 4 KiB. `memory` is private memory
/// in which nothing else runs meanwhile, and `at` an offset in it, in bytes.
ResizeOutcome split_host_page(std::span<std::byte> memory, std::uint64_t at);
/// The pages of 4 KiB around `at` become one of 2 MiB: by MADV_COLLAPSE, which Linux has since 6.1.
/// `memory` and `at` as above.
ResizeOutcome join_host_pages(std::span<std::byte> memory, std::uint64_t at);

} // namespace twofold::vmm::kvm

// What the guest asks of whoever runs it (abi/hypercall.hpp). Natively the kit does it itself.
#pragma once

#include <twofold/abi/hypercall.hpp>
#include <twofold/arch/address.hpp>
#include <twofold/arch/page_size.hpp>

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

namespace twofold::guest {

/// Ends the guest. Codes above 255 count as 255.
[[noreturn]] void exit(std::uint64_t code);

/// Reports every reference of the walk of one address. Returns their number.
std::uint64_t walk(Gva gva);

/// Reports a figure that was measured, in ticks. `name`: 1 to 64 ASCII letters, digits and '_'.
void report_figure(std::string_view name, std::uint64_t ticks);

using HypercallResult = std::expected<std::uint64_t, abi::HypercallError>;

/// A call that may be refused, as all are natively.
HypercallResult ask(abi::Hypercall number, std::uint64_t first = 0, std::uint64_t second = 0,
                    std::uint64_t third = 0);

/// Makes a second guest in the same state, as fork does: both return. The one that called gets the
/// clone's number, the clone 0.
HypercallResult clone_self();

/// The guest's number in the report. Clones of a launch, by `--clones`, have 1 and up.
std::uint64_t own_number();

/// Gives `pages` pages of 4 KiB back, from `first`, a multiple of 4096, on: they lose their
/// contents and read as zeros when they are touched again. Returns how many of them had contents.
HypercallResult release_pages(Gpa first, std::uint64_t pages);

/// Starts a log of the pages that the guest writes, or ends it.
HypercallResult log_writes(abi::DirtyLogging means);
/// How many 64-bit words the log is collected into: a bit for each page of the guest's memory.
inline std::uint64_t log_words(std::uint64_t memory_bytes) {
    return (pages_for(memory_bytes, page_4k) + 63) / 64;
}
/// Which pages were written since the log was started or last collected, into log_words() words.
/// Returns how many they are.
HypercallResult collect_writes(std::span<std::uint64_t> words);

/// Offers `pages` pages of 4 KiB, from `first`, a multiple of 4096, on: where others have the same
/// contents they share a frame, until one is written. Returns how many of them share one by now.
/// `only_count`: nothing is offered.
HypercallResult merge_pages(Gpa first, std::uint64_t pages, bool only_count = false);

/// How many pages of 4 KiB the guest has accessed since it last asked.
HypercallResult working_set();
/// How many leaves of `level` map the GiB of the guest's memory at `gpa`.
HypercallResult count_leaves(Gpa gpa, unsigned level);

/// The bare call through the port. Not to be made natively.
std::uint64_t hypercall(std::uint64_t number, std::uint64_t first = 0, std::uint64_t second = 0,
                        std::uint64_t third = 0);

} // namespace twofold::guest

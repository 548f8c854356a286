#include "guest/kit/hypercall.hpp"

#include "guest/kit/launch.hpp"
#include "guest/kit/machine_exit.hpp"
#include "guest/kit/native_report.hpp"
#include "guest/kit/processor.hpp"

#include <twofold/arch/page_size.hpp>

#include <algorithm>

namespace twofold::guest {

namespace {

constexpr std::uint64_t number_of(auto call) { return static_cast<std::uint64_t>(call); }

/// A call for pages of 4 KiB, at most `most` at a time. The sum of what it answers.
HypercallResult in_parts(abi::Hypercall number, Gpa first, std::uint64_t pages, std::uint64_t most,
                         std::uint64_t third) {
    std::uint64_t sum = 0;
    while (pages > 0) {
        std::uint64_t const part = std::min(pages, most);
        auto const result = ask(number, first.value(), part, third);
        if (!result) return result;
        sum += *result;
        first = first + part * page_4k.bytes();
        pages -= part;
    }
    return sum;
}

} // namespace

std::uint64_t hypercall(std::uint64_t number, std::uint64_t first, std::uint64_t second,
                        std::uint64_t third) {
    asm volatile("outl %%eax, %%dx"
                 : "+a"(number)
                 : "D"(first), "S"(second), "c"(third), "d"(abi::hypercall_port)
                 : "memory");
    return number;
}

void exit(std::uint64_t code) {
    if (is_native()) {
        report_native_stop(std::min<std::uint64_t>(code, 255),
                           reinterpret_cast<std::uint64_t>(__builtin_return_address(0)));
        end_machine();
    }
    hypercall(number_of(abi::Hypercall::exit), code);
    halt_for_ever();
}

std::uint64_t walk(Gva gva) {
    if (is_native()) return report_native_walk(gva);
    return hypercall(number_of(abi::Hypercall::walk), gva.value());
}

void report_figure(std::string_view name, std::uint64_t ticks) {
    if (is_native()) {
        report_native_figure(name, ticks);
        return;
    }
    hypercall(number_of(abi::Hypercall::figure), reinterpret_cast<std::uint64_t>(name.data()),
              name.size(), ticks);
}

HypercallResult ask(abi::Hypercall number, std::uint64_t first, std::uint64_t second,
                    std::uint64_t third) {
    if (is_native()) return std::unexpected(abi::HypercallError::unknown_number);
    std::uint64_t const result = hypercall(number_of(number), first, second, third);
    if (result >= number_of(abi::HypercallError::last))
        return std::unexpected(static_cast<abi::HypercallError>(result));
    return result;
}

HypercallResult clone_self() { return ask(abi::Hypercall::clone); }

HypercallResult release_pages(Gpa first, std::uint64_t pages) {
    return in_parts(abi::Hypercall::release, first, pages, abi::most_released_pages, 0);
}

HypercallResult merge_pages(Gpa first, std::uint64_t pages, bool only_count) {
    return in_parts(abi::Hypercall::merge, first, pages, abi::most_merged_pages,
                    only_count ? 1 : 0);
}

HypercallResult log_writes(abi::DirtyLogging means) {
    return ask(abi::Hypercall::log_dirty, number_of(means));
}

HypercallResult collect_writes(std::span<std::uint64_t> words) {
    return ask(abi::Hypercall::collect_dirty, reinterpret_cast<std::uint64_t>(words.data()),
               words.size());
}

HypercallResult working_set() { return ask(abi::Hypercall::working_set); }

HypercallResult count_leaves(Gpa gpa, unsigned level) {
    return ask(abi::Hypercall::leaves, gpa.aligned_down(page_1g.bytes()).value() + level);
}

std::uint64_t own_number() {
    return is_native() ? 0 : hypercall(number_of(abi::Hypercall::number));
}

} // namespace twofold::guest

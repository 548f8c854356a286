// The sentence that says why a guest cannot be loaded: what is wrong, where, and what would be
// right.
#pragma once

#include <twofold/abi/text.hpp>
#include <twofold/load/boot_error_remark.hpp>
#include <twofold/load/load_error.hpp>

#include <cstdint>
#include <string_view>

namespace twofold {

namespace detail {

constexpr Remark remark_on_header(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case wrong_class: return {decimal, "it must be ", decimal, " (64-bit): build with -m64"};
    case wrong_byte_order: return {decimal, "it must be ", decimal, " (little-endian)"};
    case wrong_version: return {decimal, "it must be ", decimal, ", the only version there is"};
    case wrong_machine: return {decimal, "it must be ", decimal, " (x86-64)"};
    case wrong_type:
        return {decimal, "it must be ", decimal,
                " (executable at a fixed address): link with -static -no-pie"};
    case wrong_program_header_size:
        return {decimal, "it must be ", decimal, ", as the file's class has it"};
    case program_headers_outside_file:
        return {hexadecimal, "it lies beyond the file's ", hexadecimal, " bytes"};
    case truncated_program_headers: return {decimal, "the file ends after ", decimal, " of them"};
    case nothing_to_load: return {decimal, "none of them is a PT_LOAD with p_memsz above 0"};
    case entry_outside_segments:
        return {hexadecimal, "it must lie within a segment that is loaded"};
    default: return remark_on_boot_protocol(kind);
    }
}

constexpr Remark remark_on_program_header(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case dynamically_linked:
        return {decimal,
                "that asks for a dynamic loader, and a guest has none: link with -static -no-pie"};
    case segment_outside_file:
        return {hexadecimal, "it lies beyond the file's ", hexadecimal, " bytes"};
    case segment_reaches_beyond_file:
        return {hexadecimal, "it must be at most ", hexadecimal, ": there the file ends"};
    case more_in_file_than_in_memory:
        return {hexadecimal, "it must be at most p_memsz, ", hexadecimal};
    case alignment_not_power_of_two: return {hexadecimal, "it must be 0 or a power of two"};
    case misaligned_segment:
        return {hexadecimal, "its remainder by p_align must be that of p_offset, ", hexadecimal};
    case segment_outside_address_space:
        return {hexadecimal, "it must lie below ", hexadecimal,
                ", where a guest's address space ends"};
    case segment_reaches_beyond_address_space:
        return {hexadecimal, "it must be at most ", hexadecimal,
                ": there a guest's address space ends"};
    case segments_overlap: return {hexadecimal, "it overlaps program header ", decimal};
    case too_many_segments: return {decimal, "at most ", decimal, " segments can be loaded"};
    case segment_outside_memory:
        return {hexadecimal, "it reaches beyond guest memory, of which ", decimal,
                " bytes would do"};
    default: return {};
    }
}

constexpr Remark remark_on(LoadError const& error) {
    return error.program_header ? remark_on_program_header(error.kind)
                                : remark_on_header(error.kind);
}

template <abi::TextSink Sink>
constexpr void put_number(Sink& sink, NumberStyle style, std::uint64_t number) {
    if (style == NumberStyle::decimal) abi::put_decimal(sink, number);
    if (style == NumberStyle::hexadecimal) abi::put_hexadecimal(sink, number);
}

/// "[program header N: ]FIELD at offset 0x.. is 0x..; REMARK".
template <abi::TextSink Sink>
constexpr void describe_field(LoadError const& error, Sink& sink) {
    if (error.program_header) {
        abi::put(sink, "program header ");
        abi::put_decimal(sink, *error.program_header);
        abi::put(sink, ": ");
    }
    Remark const remark = remark_on(error);
    abi::put(sink, error.field);
    abi::put(sink, " at offset ");
    abi::put_hexadecimal(sink, error.offset);
    abi::put(sink, " is ");
    put_number(sink, remark.found, error.found);
    abi::put(sink, "; ");
    abi::put(sink, remark.before);
    put_number(sink, remark.expected, error.expected);
    abi::put(sink, remark.after);
}

template <abi::TextSink Sink>
constexpr void describe_first_bytes(std::string_view what, std::uint64_t bytes,
                                    std::string_view after, Sink& sink) {
    abi::put(sink, what);
    abi::put(sink, ": its first bytes are");
    for (unsigned i = 0; i < 4; ++i) {
        abi::put(sink, " ");
        std::uint64_t const byte = bytes >> (8 * i) & 0xff;
        if (byte < 0x10) abi::put(sink, "0");
        abi::put_digits<16>(sink, byte);
    }
    abi::put(sink, after);
}

template <abi::TextSink Sink>
constexpr void describe_amounts(std::string_view before, std::uint64_t found, std::string_view then,
                                std::uint64_t expected, std::string_view after, Sink& sink) {
    abi::put(sink, before);
    abi::put_decimal(sink, found);
    abi::put(sink, then);
    abi::put_decimal(sink, expected);
    abi::put(sink, after);
}

/// The kinds of other boot protocols that are not about a field of the file; false for all others.
template <abi::TextSink Sink>
constexpr bool describe_boot_protocol(LoadError const& error, Sink& sink) {
    if (error.kind == LoadErrorKind::not_a_kernel) {
        describe_first_bytes("not a kernel", error.found,
                             "; it must be an ELF file, or have the header of Multiboot or of a "
                             "Linux bzImage",
                             sink);
        return true;
    }
    if (error.kind == LoadErrorKind::no_room) {
        abi::put(sink, error.field);
        abi::put(sink, ": ");
    }
    BootAmounts const words = amounts_of(error.kind);
    if (words.before.empty()) return false;
    abi::put(sink, words.before);
    put_number(sink, words.found, error.found);
    abi::put(sink, words.then);
    put_number(sink, words.expected, error.expected);
    abi::put(sink, words.after);
    return true;
}

} // namespace detail

/// Writes one sentence, without a full stop. 256 bytes hold the longest.
template <abi::TextSink Sink>
constexpr void describe(LoadError const& error, Sink& sink) {
    switch (error.kind) {
    case LoadErrorKind::truncated_header:
        return detail::describe_amounts("the file ends after ", error.found,
                                        " bytes; an ELF file starts with a header of ",
                                        error.expected, " bytes", sink);
    case LoadErrorKind::not_elf:
        return detail::describe_first_bytes("not an ELF file", error.found,
                                            "; they must be 7f 45 4c 46", sink);
    case LoadErrorKind::memory_too_small:
        return detail::describe_amounts(
            "guest memory of ", error.found,
            " bytes is too small for the image, its launch information and its page tables; ",
            error.expected, " bytes would do", sink);
    case LoadErrorKind::bad_memory_size:
        return detail::describe_amounts(
            "guest memory of ", error.found,
            " bytes is not possible; it must be a multiple of 4096, above 0 and at most ",
            error.expected, "", sink);
    case LoadErrorKind::bad_guest_page:
        return detail::describe_amounts(
            "a guest page of 2^", error.found,
            " bytes is not possible; it must be 2^12 (4K), 2^21 (2M) or "
            "2^",
            error.expected, " (1G)", sink);
    case LoadErrorKind::memory_failed:
        abi::put(sink, "guest memory at gpa ");
        abi::put_hexadecimal(sink, error.found);
        return abi::put(sink, " could not be accessed");
    default:
        if (!detail::describe_boot_protocol(error, sink)) detail::describe_field(error, sink);
    }
}

} // namespace twofold

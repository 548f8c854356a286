// The words for what can be wrong with kernels of other boot protocols; load_error_text.hpp makes
// sentences of them.
#pragma once

#include <twofold/load/load_error.hpp>

#include <cstdint>
#include <string_view>

namespace twofold::detail {

enum class NumberStyle : std::uint8_t { none, decimal, hexadecimal };

/// How to write "FIELD is FOUND", and what follows: text, the number that was expected, text.
struct Remark {
    NumberStyle found = NumberStyle::hexadecimal;
    std::string_view before = {};
    NumberStyle expected = NumberStyle::none;
    std::string_view after = {};
};

constexpr Remark remark_on_multiboot(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case wrong_multiboot_checksum:
        return {hexadecimal, "with the magic number and the flags before it, it must be ",
                hexadecimal};
    case unknown_multiboot_demand:
        return {hexadecimal, "of bits 15:0, which are demands, only those of ", hexadecimal,
                " are known"};
    case truncated_address_fields:
        return {hexadecimal, "bit 16 announces a header of 32 bytes, and the file has only ",
                decimal, " from there on"};
    case load_address_above_header:
        return {hexadecimal, "it must be at most header_addr, ", hexadecimal};
    case load_address_before_file:
        return {hexadecimal, "it must be at least ", hexadecimal,
                ": there the first byte of the file goes"};
    case load_end_below_load_address:
        return {hexadecimal, "it must be 0 or at least load_addr, ", hexadecimal};
    case load_end_beyond_file:
        return {hexadecimal, "it must be at most ", hexadecimal,
                ": there the last byte of the file goes"};
    case bss_end_below_load_end:
        return {hexadecimal, "it must be 0 or at least ", hexadecimal,
                ", where the loaded bytes end"};
    default: return {};
    }
}

constexpr Remark remark_on_linux(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case not_linux: return {hexadecimal, "it must be ", hexadecimal, " (HdrS)"};
    case wrong_boot_flag:
        return {hexadecimal, "it must be ", hexadecimal, ", which ends a boot sector"};
    case old_linux_protocol:
        return {hexadecimal, "the oldest boot protocol that is supported is ", hexadecimal};
    case not_loaded_high:
        return {hexadecimal,
                "bit 0 must be set: a zImage, made to be loaded low, is not supported"};
    case truncated_linux_setup:
        return {decimal, "that many sectors of setup and a kernel are more than the file's ",
                decimal, " bytes"};
    case truncated_linux_kernel:
        return {decimal, "that many times 16 bytes are more than the ", decimal,
                " that the file has behind the setup"};
    case no_64_bit_entry:
        return {decimal, "bit 0 is not set: the kernel has no 64-bit entry, take the 32-bit one"};
    case linux_above_4g:
        return {hexadecimal, "it must be below ", hexadecimal, ", which the entry can reach"};
    default: return {};
    }
}

constexpr Remark remark_on_boot_protocol(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case unknown_class: return {decimal, "it must be 1 (32-bit) or 2 (64-bit)"};
    case no_x86_machine: return {decimal, "it must be 3 (i386) or 62 (x86-64)"};
    case not_executable: return {decimal, "it must be 2 (executable) or 3 (shared object)"};
    case no_pvh_note:
        return {decimal,
                "none of them is a PT_NOTE with the note Xen 18, which names the PVH entry"};
    case truncated_note:
        return {decimal, "it must be at most ", decimal, ": there its segment ends"};
    case wrong_note_size: return {decimal, "an entry has 4 or 8 bytes"};
    case entry_outside_memory:
        return {hexadecimal, "it must lie in guest memory, below ", hexadecimal};
    case segment_outside_memory:
        return {hexadecimal, "that puts the kernel beyond guest memory, of which ", decimal,
                " bytes would do"};
    case segment_reaches_beyond_address_space:
        return {hexadecimal, "it must be at most ", hexadecimal};
    default: break;
    }
    Remark const remark = remark_on_multiboot(kind);
    return remark.before.empty() ? remark_on_linux(kind) : remark;
}

/// Words around two numbers, for what is not about one field of the file.
struct BootAmounts {
    std::string_view before = {};
    NumberStyle found = NumberStyle::decimal;
    std::string_view then = {};
    NumberStyle expected = NumberStyle::decimal;
    std::string_view after = {};
};

constexpr BootAmounts amounts_of(LoadErrorKind kind) {
    using enum LoadErrorKind;
    using enum NumberStyle;
    switch (kind) {
    case empty_file: return {"the file is empty; a kernel has at least one byte", none, "", none};
    case no_multiboot_header:
        return {"the file has no Multiboot header in its first ", decimal,
                " bytes; one starts with 1badb002 at a multiple of 4", none};
    case no_room:
        return {"no ", decimal, " bytes of guest memory in a row are free below ", hexadecimal,
                "; more memory would do, or less to load"};
    case too_many_modules:
        return {"there are ", decimal, " modules; the kernel can be given at most ", decimal};
    case command_line_too_long:
        return {"the command line has ", decimal, " bytes; the kernel takes at most ", decimal};
    case raw_address_too_high:
        return {"the load address ", hexadecimal, " is too high; in this mode it must be below ",
                hexadecimal};
    case raw_outside_memory:
        return {"the image would end at ", hexadecimal, "; guest memory ends at ", hexadecimal};
    default: return {};
    }
}

} // namespace twofold::detail

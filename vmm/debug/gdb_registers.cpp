#include "debug/gdb_registers.hpp"

#include "debug/gdb_packet.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

namespace twofold::vmm {

namespace {

/// A register of the description. `offset` is its place in DebugRegisters.
struct GdbRegister {
    std::string_view name;
    unsigned bits;
    std::string_view type;
    std::size_t offset;
    std::string_view feature;
};

constexpr std::string_view core_feature = "org.gnu.gdb.i386.core";
constexpr std::string_view sse_feature = "org.gnu.gdb.i386.sse";
constexpr std::string_view segments_feature = "org.gnu.gdb.i386.segments";
constexpr std::string_view system_feature = "twofold.system";

void add_core(std::vector<GdbRegister>& to) {
    constexpr std::array general{"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (std::size_t i = 0; i < general.size(); ++i) {
        bool const pointer = i == 6 || i == 7;
        to.push_back({general[i], 64, pointer ? "data_ptr" : "int64",
                      offsetof(DebugRegisters, general) + 8 * i, core_feature});
    }
    to.push_back({"rip", 64, "code_ptr", offsetof(DebugRegisters, rip), core_feature});
    to.push_back({"eflags", 32, "i386_eflags", offsetof(DebugRegisters, eflags), core_feature});
    constexpr std::array selectors{"cs", "ss", "ds", "es", "fs", "gs"};
    for (std::size_t i = 0; i < selectors.size(); ++i) {
        to.push_back(
            {selectors[i], 32, "int32", offsetof(DebugRegisters, selectors) + 4 * i, core_feature});
    }
}

void add_x87(std::vector<GdbRegister>& to) {
    constexpr std::array stack{"st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"};
    for (std::size_t i = 0; i < stack.size(); ++i)
        to.push_back(
            {stack[i], 80, "i387_ext", offsetof(DebugRegisters, x87) + 10 * i, core_feature});
    constexpr std::array state{"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"};
    for (std::size_t i = 0; i < state.size(); ++i)
        to.push_back(
            {state[i], 32, "int", offsetof(DebugRegisters, x87_state) + 4 * i, core_feature});
}

void add_sse(std::vector<GdbRegister>& to) {
    constexpr std::array names{"xmm0",  "xmm1",  "xmm2",  "xmm3", "xmm4",  "xmm5",
                               "xmm6",  "xmm7",  "xmm8",  "xmm9", "xmm10", "xmm11",
                               "xmm12", "xmm13", "xmm14", "xmm15"};
    for (std::size_t i = 0; i < names.size(); ++i)
        to.push_back(
            {names[i], 128, "vec128", offsetof(DebugRegisters, xmm) + 16 * i, sse_feature});
    to.push_back({"mxcsr", 32, "i386_mxcsr", offsetof(DebugRegisters, mxcsr), sse_feature});
}

std::vector<GdbRegister> make_gdb_registers() {
    std::vector<GdbRegister> all;
    add_core(all);
    add_x87(all);
    add_sse(all);
    all.push_back({"fs_base", 64, "int64", offsetof(DebugRegisters, fs_base), segments_feature});
    all.push_back({"gs_base", 64, "int64", offsetof(DebugRegisters, gs_base), segments_feature});
    all.push_back({"cr0", 64, "int64", offsetof(DebugRegisters, cr0), system_feature});
    all.push_back({"cr2", 64, "int64", offsetof(DebugRegisters, cr2), system_feature});
    all.push_back({"cr3", 64, "int64", offsetof(DebugRegisters, cr3), system_feature});
    all.push_back({"cr4", 64, "int64", offsetof(DebugRegisters, cr4), system_feature});
    all.push_back({"efer", 64, "int64", offsetof(DebugRegisters, efer), system_feature});
    return all;
}

std::vector<GdbRegister> const& all_gdb_registers() {
    static std::vector<GdbRegister> const all = make_gdb_registers();
    return all;
}

struct FlagBit {
    std::string_view name;
    unsigned bit;
};
constexpr FlagBit eflags_bits[] = {{"CF", 0}, {"PF", 2}, {"AF", 4},  {"ZF", 6}, {"SF", 7},
                                   {"TF", 8}, {"IF", 9}, {"DF", 10}, {"OF", 11}};
constexpr FlagBit mxcsr_bits[] = {{"IE", 0},  {"DE", 1},  {"ZE", 2},  {"OE", 3}, {"UE", 4},
                                  {"PE", 5},  {"DAZ", 6}, {"IM", 7},  {"DM", 8}, {"ZM", 9},
                                  {"OM", 10}, {"UM", 11}, {"PM", 12}, {"FZ", 15}};

std::string flags_type(std::string_view id, std::span<FlagBit const> bits) {
    std::string xml = fmt::format("<flags id=\"{}\" size=\"4\">", id);
    for (auto const& [name, bit] : bits)
        fmt::format_to(std::back_inserter(xml), "<field name=\"{}\" start=\"{}\" end=\"{}\"/>",
                       name, bit, bit);
    return xml + "</flags>\n";
}

/// What GDB wants an SSE register to be: each of its views under GDB's own name.
std::string vector_type() {
    struct View {
        std::string_view field, id, element;
        unsigned count;
    };
    constexpr View views[] = {
        {"v4_float", "v4f", "ieee_single", 4}, {"v2_double", "v2d", "ieee_double", 2},
        {"v16_int8", "v16i8", "int8", 16},     {"v8_int16", "v8i16", "int16", 8},
        {"v4_int32", "v4i32", "int32", 4},     {"v2_int64", "v2i64", "int64", 2}};
    std::string vectors;
    std::string fields;
    for (auto const& [field, id, element, count] : views) {
        fmt::format_to(std::back_inserter(vectors),
                       "<vector id=\"{}\" type=\"{}\" count=\"{}\"/>\n", id, element, count);
        fmt::format_to(std::back_inserter(fields), "<field name=\"{}\" type=\"{}\"/>", field, id);
    }
    return fmt::format("{}<union id=\"vec128\">{}<field name=\"uint128\" "
                       "type=\"uint128\"/></union>\n",
                       vectors, fields);
}

/// The types of a feature that GDB does not know by itself.
std::string types_of(std::string_view feature) {
    if (feature == core_feature) return flags_type("i386_eflags", eflags_bits);
    if (feature == sse_feature) return vector_type() + flags_type("i386_mxcsr", mxcsr_bits);
    return {};
}

std::string make_target_description() {
    std::string xml = "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                      "<target version=\"1.0\">\n<architecture>i386:x86-64</architecture>\n";
    std::string_view feature;
    for (GdbRegister const& reg : all_gdb_registers()) {
        if (reg.feature != feature) {
            if (!feature.empty()) xml += "</feature>\n";
            feature = reg.feature;
            fmt::format_to(std::back_inserter(xml), "<feature name=\"{}\">\n", feature);
            xml += types_of(feature);
        }
        fmt::format_to(std::back_inserter(xml), "<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"/>\n",
                       reg.name, reg.bits, reg.type);
    }
    return xml + "</feature>\n</target>\n";
}

} // namespace

std::size_t gdb_register_count() { return all_gdb_registers().size(); }

std::size_t gdb_register_digits(std::size_t number) { return all_gdb_registers()[number].bits / 4; }

std::string gdb_register_value(DebugRegisters const& registers, std::size_t number) {
    GdbRegister const& reg = all_gdb_registers()[number];
    return to_hex(std::as_bytes(std::span{&registers, 1}).subspan(reg.offset, reg.bits / 8));
}

bool set_gdb_register(DebugRegisters& registers, std::size_t number, std::string_view hex) {
    GdbRegister const& reg = all_gdb_registers()[number];
    if (hex.size() != gdb_register_digits(number)) return false;
    std::string bytes;
    if (!append_from_hex(hex, bytes)) return false;
    std::memcpy(std::as_writable_bytes(std::span{&registers, 1}).subspan(reg.offset).data(),
                bytes.data(), bytes.size());
    return true;
}

std::string gdb_all_registers(DebugRegisters const& registers) {
    std::string all;
    for (std::size_t number = 0; number < gdb_register_count(); ++number)
        all += gdb_register_value(registers, number);
    return all;
}

bool set_all_gdb_registers(DebugRegisters& registers, std::string_view hex) {
    for (std::size_t number = 0; number < gdb_register_count(); ++number) {
        std::size_t const digits = gdb_register_digits(number);
        if (hex.size() < digits || !set_gdb_register(registers, number, hex.substr(0, digits)))
            return false;
        hex.remove_prefix(digits);
    }
    return hex.empty();
}

std::string const& gdb_target_description() {
    static std::string const description = make_target_description();
    return description;
}

} // namespace twofold::vmm

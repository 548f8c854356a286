// Kernels of all boot protocols, of a few instructions each, on this machine's own KVM.
#include "tests/catch.hpp"
#include "tests/support/command.hpp"
#include "tests/support/failure_text.hpp"
#include "tests/support/kernel_files.hpp"
#include "tests/support/small_kernel.hpp"
#include "tests/support/without_kvm.hpp"

namespace foreign_kernel_test {

using namespace twofold::test;

namespace {

Bytes code(std::initializer_list<unsigned> instructions) {
    Bytes bytes;
    for (unsigned const byte : instructions)
        bytes.push_back(static_cast<std::byte>(byte));
    return bytes;
}

/// Writes the text at ESI to the serial port, up to its zero.
Bytes print_text() {
    return code({0xba, 0xf8, 3, 0, 0, // mov edx, 0x3f8
                 0xac, 0x84, 0xc0,    // lodsb; test al, al
                 0x74, 3, 0xee,       // jz over; out dx, al
                 0xeb, 0xf8});        // jmp to lodsb
}

/// Prints what two instructions let ESI point to, one after the other, and ends with 0.
Bytes print_both(std::initializer_list<unsigned> first, std::initializer_list<unsigned> second) {
    return joined(joined(joined(code(first), print_text()), joined(code(second), print_text())),
                  code(exit_instructions));
}

/// A directory with the file `kernel` and the file `module`, and the command on them.
struct Scene {
    explicit Scene(Bytes const& kernel) {
        directory.write("kernel", {reinterpret_cast<char const*>(kernel.data()), kernel.size()});
        directory.write("module", "=contents\n");
    }
    CommandResult run(std::vector<std::string> const& more,
                      std::string const& engine = "kvm") const {
        std::vector<std::string> words{
            TWOFOLD_COMMAND, "run", directory.file("kernel"), "--engine", engine,
            "--memory",      "20M"};
        words.insert(words.end(), more.begin(), more.end());
        return run_command({words});
    }
    [[nodiscard]] std::string module() const { return directory.file("module"); }

    TemporaryDirectory directory;
};

} // namespace

TEST_CASE("a Multiboot kernel finds its command line and its modules") {
    if (without_kvm()) return;
    // The command line is at 16 of the information, the list of modules at 24.
    auto const kernel = print_both({0x8b, 0x73, 16}, {0x8b, 0x43, 24, 0x8b, 0x30});
    ElfFile elf{{{0x10'0000, joined(multiboot_header(), kernel), 0x1000}}};
    elf.header.e_entry = 0x10'000c;
    for (Bytes const& file : {elf.bytes(), as_elf32(elf)}) {
        Scene const scene{file};
        auto const result = scene.run({"--module", scene.module() + " a b", "--", "one", "two"});
        INFO(result.err);
        CHECK(result.status == 0);
        CHECK(result.out == "kernel one two=contents\n");
    }
}

TEST_CASE("a PVH kernel finds its command line and its modules") {
    if (without_kvm()) return;
    // hvm_start_info: the command line is at 24, the list of modules at 16.
    auto const kernel = print_both({0x8b, 0x73, 24}, {0x8b, 0x43, 16, 0x8b, 0x30});
    auto elf = elf_with_notes(pvh_notes(0x10'0000));
    std::ranges::copy(kernel, elf.contents.begin());
    Scene const scene{elf.bytes()};
    auto const result = scene.run({"--module", scene.module(), "--", "one", "two"});
    INFO(result.err);
    CHECK(result.status == 0);
    CHECK(holds(result.out, {"one two=contents\n"}));
}

TEST_CASE("a Linux kernel finds its command line and its initrd by the zero page") {
    if (without_kvm()) return;
    auto const kernel =
        print_both({0x8b, 0x9e, 0x18, 2, 0, 0, 0x8b, 0xb6, 0x28, 2, 0, 0}, {0x89, 0xde});
    for (bool const wide : {false, true}) {
        LinuxFile linux_file;
        if (!wide) linux_file.header.xloadflags = 0;
        // The 64-bit entry is 0x200 above the 32-bit one.
        std::ranges::copy(kernel, linux_file.kernel.begin() + (wide ? 0x200 : 0));
        Scene const scene{linux_file.bytes()};
        auto const result = scene.run({"--initrd", scene.module(), "--", "console=ttyS0", "quiet"});
        INFO(result.err);
        CHECK(result.status == 0);
        CHECK(result.out == "console=ttyS0 quiet=contents\n");
    }
}

TEST_CASE("a raw image starts at its address in each mode") {
    if (without_kvm()) return;
    // mov al, 'R'; mov dx, 0x3f8; out dx, al; then 32-bit operands by prefixes.
    Scene const real{code({0xb0, 'R', 0xba, 0xf8, 3,    0xee, 0x66, 0xb8, 1,    0,
                           0,    0,   0x66, 0x31, 0xff, 0xba, 0xf0, 5,    0x66, 0xef})};
    auto const at_boot_sector = real.run({"--boot", "raw"});
    CHECK(at_boot_sector.status == 0);
    CHECK(at_boot_sector.out == "R");
    Scene const wide{joined(code({0xb0, 'W', 0xba, 0xf8, 3, 0, 0, 0xee}), code(exit_instructions))};
    for (auto const* const mode : {"protected", "long"}) {
        auto const result = wide.run({"--boot", "raw", "--mode", mode, "--load-at", "0x200000"});
        INFO(result.err);
        CHECK(result.status == 0);
        CHECK(result.out == "W");
    }
}

TEST_CASE("what is wrong with a foreign kernel or its options is said before it runs") {
    Scene const raw{bytes_of(100, 1)};
    ElfFile elf{{{0x10'0000, joined(multiboot_header(), bytes_of(100, 1)), 0x1000}}};
    Scene const multiboot{elf.bytes()};
    struct Refusal {
        Scene const& scene;
        std::vector<std::string> words;
        int status;
        std::string_view said;
    };
    for (auto const& [scene, words, status, said] : std::vector<Refusal>{
             {raw, {"--boot", "grub"}, 2, "none of auto, twofold, multiboot"},
             {raw, {"--boot", "raw", "--mode", "smm"}, 2, "none of real, protected and long"},
             {raw, {"--boot", "raw", "--load-at", "here"}, 2, "write it as 0x7c00"},
             {raw, {"--load-at", "0x8000"}, 2, "--boot raw"},
             {raw, {}, 1, "not an ELF file"},
             {multiboot, {"--initrd", "x"}, 2, "takes --module"},
             {multiboot, {"--module", "/no/such"}, 1, "/no/such"},
             {multiboot, {"--module", ""}, 2, "the name of a file is missing"},
         }) {
        auto const result = scene.run(words);
        INFO(result.err);
        CHECK(result.status == status);
        CHECK(holds(result.err, {said}));
    }
    auto const under_bochs = multiboot.run({}, "bochs");
    CHECK(under_bochs.status == 2);
    CHECK(holds(under_bochs.err, {"kernel is booted by the protocol multiboot", "--engine kvm"}));
    if (without_kvm()) return;
    auto const too_high = raw.run({"--boot", "raw", "--load-at", "0x100000"});
    CHECK(too_high.status == 1);
    CHECK(holds(too_high.err, {"0x100000"}));
}

} // namespace foreign_kernel_test

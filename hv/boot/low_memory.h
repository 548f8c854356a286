// Where things stand below 1 MiB while the machine boots, and where the fields of BootInfo and
// ImageHeader are, for assembly. boot_info.hpp asserts that C++ agrees.
#pragma once

#define BOOT_SECTOR 0x7c00
#define LOADER 0x7e00
#define LOADER_SECTORS 15
#define LOADER_END (LOADER + LOADER_SECTORS * SECTOR_BYTES)

#define SECTOR_BYTES 512
#define PAYLOAD_FIRST_SECTOR 16
#define PAYLOAD_ADDRESS 0x100000

// ImageHeader, at the loader's start.
#define IMAGE_HEADER LOADER
#define IMAGE_HEADER_BYTES 24
#define IMAGE_PAYLOAD_SECTORS 8

// BootInfo.
#define BOOT_INFO 0xa000
#define BOOT_INFO_IMAGE 0
#define BOOT_INFO_TICKS_AT_START 24
#define BOOT_INFO_TICKS_AFTER_MEMORY_MAP 32
#define BOOT_INFO_TICKS_AFTER_PAYLOAD 40
#define BOOT_INFO_TICKS_AFTER_LONG_MODE 48
#define BOOT_INFO_MEMORY_MAP_ENTRIES 56
#define BOOT_INFO_MEMORY_MAP 64
#define MEMORY_MAP_ENTRY_BYTES 24
#define MEMORY_MAP_CAPACITY 128

// The first page tables: PML4, PDPT, then four page directories, which map 4 GiB. The loader's
// stack lies between them and the boot sector.
#define FIRST_TABLES 0x1000
#define FIRST_TABLES_END 0x7000

// What the firmware reads from the disk passes through here.
#define BOUNCE_BUFFER 0x20000
#define BOUNCE_SECTORS 64

// Selectors in the GDT of the loader.
#define LOADER_CODE 0x08
#define LOADER_DATA 0x10

// The hypervisor's stacks, each above a guard page that is not mapped.
#define STACK_GUARD_BYTES 0x1000
#define MAIN_STACK_GUARD 0x30000
#define MAIN_STACK_END 0x39000
#define DOUBLE_FAULT_STACK_GUARD 0x39000
#define DOUBLE_FAULT_STACK_END 0x3c000
#define NMI_STACK_GUARD 0x3c000
#define NMI_STACK_END 0x3f000
#define MACHINE_CHECK_STACK_GUARD 0x3f000
#define MACHINE_CHECK_STACK_END 0x42000

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Ok(factline_codegen::build("schemas", &[])?)
}

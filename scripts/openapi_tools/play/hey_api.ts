// The six operations with what hey-api wrote: node … URL TOKEN.
import { convertLead, createLeads, deleteLead, disableLeads, getLeads, type Lead, updateLead } from "./client";
import { client } from "./client/client.gen";

declare const process: { argv: string[] };

const lead = (lead_id: number | string): Lead => ({
  lead_id,
  phone_number: "9876543210",
  contact_name: "Asha",
  product_plan: "Lite",
  visits: [{ page: "pricing", seconds: 42 }],
});

// @ts-expect-error: a lead needs its phone_number and its contact_name
export const incomplete: Lead = { lead_id: 1 };

async function play(baseUrl: string, auth: string): Promise<void> {
  client.setConfig({ baseUrl, auth, throwOnError: true });
  const path = { campaign_id: "campaign-1" };
  await createLeads({ path, body: [lead(9876543210), lead("disabled"), lead("deleted")] });
  const { data } = await getLeads({ path, query: { page_size: 10 }, throwOnError: true });
  const [first] = data.results;
  console.log(`["${first.lead_id}", "${first.lead_outcome}"]`);
  await updateLead({ path, body: { lead_id: 9876543210, product_plan: "Pro" } });
  await convertLead({ path, body: { lead_id: 9876543210, detail: "PAID" } });
  await disableLeads({ path, body: [{ lead_id: "disabled" }] });
  await deleteLead({ path, body: { lead_id: "deleted" } });
}

play(process.argv[2], process.argv[3]);
